import { dataType } from '../../exports/onnx/proto.ts';
import { add, divide, erf, hardSigmoid, multiply } from './arithmetic.ts';
import type { Attributes } from './builder.ts';
import { fault, idOf, layerAt, single, type Handler } from './operator.ts';
import { flatten, globalPool, reduceMean, reshape, squeeze } from './shapes.ts';
import { batchNorm, gemm, groupNorm, instanceNorm, layerNorm, matMul } from './weighted.ts';
import { conv, pad, pool } from './windows.ts';

const concat: Handler = (operator) => {
  const list = operator.inputs.map((_, i) => layerAt(operator, i));
  const known = list.filter((value) => value !== undefined);
  if (known.length < list.length) return undefined;
  const axis = operator.attributes.int('axis', 1);
  const rank = (known[0]?.shape.length ?? 0) + 1;
  if (axis !== 1 && axis !== 1 - rank)
    return fault(operator, `it joins along axis ${axis}; only channels or features (axis 1) are supported`);
  if (known.length === 1) return known[0];
  return operator.builder.add('concat', idOf(operator, 'concat'), known, {}, operator.place);
};

const resize: Handler = (operator) => {
  const { attributes, builder, place } = operator;
  const x = layerAt(operator);
  if (x === undefined) return undefined;
  if (x.shape.length !== 3) return fault(operator, 'only images are resized');
  const axes = attributes.ints('axes') ?? [0, 1, 2, 3];
  const list = (index: number): readonly number[] | undefined => {
    const value = operator.inputs[index];
    return value?.kind === 'constant' && value.constant.values.length > 0
      ? Array.from(value.constant.values)
      : undefined;
  };
  const [scales, sizes] = [list(2), list(3)];
  const size = [2, 3].map((axis) => {
    const at = axes.indexOf(axis);
    const extent = x.shape[axis - 1]!;
    if (at < 0) return extent;
    return sizes?.[at] ?? (scales?.[at] === undefined ? NaN : Math.floor(extent * scales[at]));
  });
  if (size.some((each) => !Number.isInteger(each))) return fault(operator, 'its sizes or scales are no constants');
  const mode = modeOf(
    attributes,
    size.every((each) => each > 1),
  );
  const policy = attributes.text('keep_aspect_ratio_policy', 'stretch');
  if (policy !== 'stretch')
    return fault(operator, `it keeps the aspect ratio (${policy}); only stretching is supported`);
  if (mode === undefined)
    return fault(
      operator,
      'only nearest (asymmetric, floor) and linear (half_pixel) are supported, with or without antialias',
    );
  return builder.add('resize', idOf(operator, 'resize'), [x], { size, mode }, place);
};

function modeOf(attributes: Attributes, severalPixels: boolean): string | undefined {
  const coordinates = attributes.text('coordinate_transformation_mode', 'half_pixel');
  const mode = attributes.text('mode', 'nearest');
  if (mode === 'nearest') {
    return coordinates === 'asymmetric' && attributes.text('nearest_mode', 'round_prefer_floor') === 'floor'
      ? mode
      : undefined;
  }
  const half = coordinates === 'half_pixel' || (coordinates === 'pytorch_half_pixel' && severalPixels);
  if (mode !== 'linear' || !half) return undefined;
  return attributes.int('antialias', 0) === 1 ? 'bilinearAntialias' : 'bilinear';
}

const dropout: Handler = (operator) => {
  const x = layerAt(operator);
  const ratio = operator.inputs[1];
  const p = ratio?.kind === 'constant' ? (ratio.constant.values[0] ?? 0.5) : operator.attributes.float('ratio', 0.5);
  const rate = Number(p.toPrecision(6));
  return x && operator.builder.add('dropout', idOf(operator, 'dropout'), [x], { p: rate }, operator.place);
};

const cast: Handler = (operator) => {
  const [value] = operator.inputs;
  const to = operator.attributes.int('to', dataType.float);
  const isFloat = floats.some((type) => type === to);
  if (isFloat || value?.kind === 'constant') return value;
  return fault(operator, 'it rounds what flows through the model to another type; only casts between floats are read');
};
const bfloat16 = 16;
const floats = [dataType.float, dataType.float16, dataType.double, bfloat16];

/** An activation whose numbers are fixed here; `standard` are those of ONNX and of this lab. */
const fixed =
  (layer: 'selu' | 'silu', standard: Readonly<Record<string, number>>): Handler =>
  (operator) => {
    for (const [name, usual] of Object.entries(standard)) {
      const value = operator.attributes.float(name, usual);
      if (Math.abs(value - usual) > 1e-4)
        return fault(operator, `its ${name} is ${value}; only ${Number(usual.toPrecision(6))} is supported`);
    }
    return single(layer)(operator);
  };

/** Operators that are read, by name; everything else is named in the refusal. */
export const operators: Readonly<Record<string, Handler>> = {
  Add: add,
  AveragePool: pool('avgPool2d'),
  BatchNormalization: batchNorm,
  Cast: cast,
  Concat: concat,
  Conv: conv,
  Div: divide,
  Dropout: dropout,
  Elu: single('elu', ({ attributes }) => ({ alpha: attributes.float('alpha', 1) })),
  Erf: erf,
  Flatten: flatten,
  Gelu: single('gelu', ({ attributes }) => ({ approximate: attributes.text('approximate', 'none') })),
  Gemm: gemm,
  GlobalAveragePool: globalPool,
  GroupNormalization: groupNorm,
  HardSigmoid: hardSigmoid,
  HardSwish: single('hardSwish'),
  Identity: ({ inputs }) => inputs[0],
  InstanceNormalization: instanceNorm,
  LayerNormalization: layerNorm,
  LeakyRelu: single('leakyRelu', ({ attributes }) => ({ slope: attributes.float('alpha', 0.01) })),
  MatMul: matMul,
  MaxPool: pool('maxPool2d'),
  Mish: single('mish'),
  Mul: multiply,
  Pad: pad,
  ReduceMean: reduceMean,
  Relu: single('relu'),
  Reshape: reshape,
  Resize: resize,
  Selu: fixed('selu', { alpha: 1.67326319217681884765625, gamma: 1.05070102214813232421875 }),
  Sigmoid: single('sigmoid'),
  Softplus: single('softplus'),
  Squeeze: squeeze,
  Sum: add,
  Swish: fixed('silu', { alpha: 1 }),
  Tanh: single('tanh'),
};
