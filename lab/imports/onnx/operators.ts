import type { LayerName, Shape } from '../../../engine/index.ts';
import type { OnnxNode } from '../../exports/onnx/proto.ts';
import { type Attributes, type LayerValue, type ModelBuilder, type Value } from './builder.ts';
import type { Constant } from './tensor.ts';

/** One operator of the file, seen by its handler. */
export interface Operator {
  readonly builder: ModelBuilder;
  readonly node: OnnxNode;
  readonly attributes: Attributes;
  /** "node "/conv1/Conv" (Conv)", for messages. */
  readonly place: string;
  /** Version of the operator set. */
  readonly opset: number;
  /** Values in the order of the inputs; undefined where one is left out or could not be understood. */
  readonly inputs: readonly (Value | undefined)[];
}

/** The operator's output, or undefined after telling what is wrong. */
export type Handler = (operator: Operator) => Value | undefined;

const fault = ({ builder, place }: Operator, what: string): undefined => {
  builder.faults.push(`${place}: ${what}.`);
  return undefined;
};

/** The layer that an input comes from. A pooled value stands for its [N, C, 1, 1]. */
function layerAt(operator: Operator, index = 0): LayerValue | undefined {
  const value = operator.inputs[index];
  if (value?.kind === 'layer') return value;
  if (value === undefined) return undefined;
  const what =
    value.kind === 'constant' ? 'a constant' : 'half of a pattern that goes on in another way than is known here';
  return fault(operator, `input ${index + 1} is ${what}, where the output of a layer was expected`);
}

function constantAt(operator: Operator, index: number, what: string): Constant | undefined {
  const value = operator.inputs[index];
  if (value?.kind === 'constant') return value.constant;
  if (value === undefined) return fault(operator, `its ${what} is missing or could not be read`);
  return fault(operator, `its ${what} is computed while it runs; only constants are read`);
}

const idOf = ({ builder, node, attributes: _attributes }: Operator, fallback: string): string =>
  builder.idFor(node.name ?? '', fallback, node.opType ?? '');

/** A layer of one input. */
const single =
  (layer: LayerName, props: (operator: Operator) => Readonly<Record<string, unknown>> = () => ({})): Handler =>
  (operator) => {
    const x = layerAt(operator);
    return x && operator.builder.add(layer, idOf(operator, layer), [x], props(operator), operator.place);
  };

type Pads = readonly [number, number, number, number];

interface Window {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly pads: Pads;
}

/** Kernel, stride, dilation and pads of a convolution or pooling; `before` are pads of an operator in front. */
function windowOf(
  operator: Operator,
  kernel: readonly number[],
  x: Shape,
  before: Pads = [0, 0, 0, 0],
): Window | undefined {
  const { attributes } = operator;
  const stride = attributes.ints('strides') ?? [1, 1];
  const dilation = attributes.ints('dilations') ?? [1, 1];
  const auto = attributes.text('auto_pad', 'NOTSET');
  const given = attributes.ints('pads') ?? [0, 0, 0, 0];
  if (kernel.length !== 2 || stride.length !== 2 || dilation.length !== 2 || given.length !== 4) {
    return fault(operator, 'only windows over two axes (height and width) are read');
  }
  const all = [...kernel, ...stride, ...dilation];
  if (!all.every((value) => value >= 1 && value <= 1024) || !given.every((pad) => pad >= 0 && pad <= 1024)) {
    return fault(operator, 'kernel, strides, dilations or pads lie outside 1 to 1024');
  }
  let pads = given as unknown as Pads;
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    const around = [0, 1].map((axis) => {
      const size = x[axis + 1]! + before[axis]! + before[axis + 2]!;
      const out = Math.ceil(size / stride[axis]!);
      const needed = Math.max(0, (out - 1) * stride[axis]! + (kernel[axis]! - 1) * dilation[axis]! + 1 - size);
      const small = Math.floor(needed / 2);
      return auto === 'SAME_UPPER' ? [small, needed - small] : [needed - small, small];
    });
    pads = [around[0]![0]!, around[1]![0]!, around[0]![1]!, around[1]![1]!];
  } else if (auto !== 'NOTSET' && auto !== 'VALID') {
    return fault(operator, `auto_pad is ${JSON.stringify(auto)}, which no version of ONNX has`);
  }
  return { kernel, stride, dilation, pads: pads.map((pad, i) => pad + before[i]!) as unknown as Pads };
}

/** Pads as the layer's own properties say them. */
function paddingProps({ kernel, dilation, pads }: Window): Readonly<Record<string, unknown>> {
  if (pads.every((pad) => pad === 0)) return {};
  const around = [0, 1].map((axis) => (kernel[axis]! - 1) * dilation[axis]!);
  const same = [0, 1].every((axis) => {
    const before = Math.floor(around[axis]! / 2);
    return pads[axis] === before && pads[axis + 2] === around[axis]! - before;
  });
  return same ? { padding: 'same' } : { padding: 'explicit', pads: [...pads] };
}

const padded = (
  value: Value | undefined,
  fill: number,
): { readonly x: LayerValue; readonly pads: Pads } | undefined => {
  if (value?.kind === 'padded' && (value.fill === fill || value.pads.every((pad) => pad === 0)))
    return { x: value.of, pads: value.pads };
  return value?.kind === 'layer' ? { x: value, pads: [0, 0, 0, 0] } : undefined;
};

const conv: Handler = (operator) => {
  const { builder, attributes, place } = operator;
  const source = padded(operator.inputs[0], 0);
  const weight = constantAt(operator, 1, 'weight');
  if (source === undefined) {
    layerAt(operator);
    return undefined;
  }
  if (weight === undefined) return undefined;
  if (weight.shape.length !== 4)
    return fault(operator, `its weight has ${weight.shape.length} axes; convolutions over images have 4`);
  const bias = operator.inputs[2] === undefined ? undefined : constantAt(operator, 2, 'bias');
  const [filters, perGroup, ...kernel] = weight.shape as [number, number, number, number];
  const stated = attributes.ints('kernel_shape');
  if (stated !== undefined && stated.join() !== kernel.join()) {
    return fault(operator, `kernel_shape is ${stated.join('×')}, but its weight is for ${kernel.join('×')}`);
  }
  const { x, pads } = source;
  const window = windowOf(operator, kernel, x.shape, pads);
  if (window === undefined) return undefined;
  const groups = attributes.int('group', 1);
  if (x.shape.length === 3 && perGroup * groups !== x.shape[0]) {
    return fault(operator, `its weight is for ${perGroup * groups} channels, but ${x.id} gives ${x.shape.join('×')}`);
  }
  const id = idOf(operator, 'conv');
  const props = { filters, kernel, stride: window.stride, dilation: window.dilation, groups, bias: bias !== undefined };
  const value = builder.add('conv2d', id, [x], { ...props, ...paddingProps(window) }, place);
  if (value === undefined) return undefined;
  builder.weight(id, 'weight', weight, weight.shape, place);
  if (bias !== undefined) builder.weight(id, 'bias', bias, [filters], place);
  return value;
};

const pool =
  (layer: 'maxPool2d' | 'avgPool2d'): Handler =>
  (operator) => {
    const { attributes, place, builder } = operator;
    const source = padded(operator.inputs[0], layer === 'maxPool2d' ? -Infinity : 0);
    if (source === undefined) {
      layerAt(operator);
      return undefined;
    }
    const { x, pads } = source;
    const window = windowOf(operator, attributes.ints('kernel_shape') ?? [], x.shape, pads);
    if (window === undefined) return undefined;
    if (window.dilation.some((each) => each !== 1))
      return fault(operator, 'pooling with gaps (dilations) is not supported');
    const counted = pads.some((pad) => pad > 0);
    const include = attributes.int('count_include_pad', 0) === 1 || counted;
    if (counted && (attributes.ints('pads') ?? []).some((pad) => pad > 0) && layer === 'avgPool2d') {
      return fault(operator, 'averages that count some of their padding and not the rest are not supported');
    }
    const { kernel, stride } = window;
    const props = { kernel, stride, ceilMode: attributes.int('ceil_mode', 0) === 1, ...paddingProps(window) };
    const own =
      layer === 'avgPool2d' ? { ...props, countIncludePad: include || window.pads.every((pad) => pad === 0) } : props;
    return builder.add(layer, idOf(operator, layer), [x], own, place);
  };

const pad: Handler = (operator) => {
  const x = layerAt(operator);
  const { attributes, opset } = operator;
  const list = opset < 11 ? attributes.ints('pads') : constantAt(operator, 1, 'list of pads')?.values;
  if (x === undefined || list === undefined) return undefined;
  const mode = attributes.text('mode', 'constant');
  const pads = Array.from(list);
  if (
    mode !== 'constant' ||
    pads.length !== 8 ||
    [0, 1, 4, 5].some((i) => pads[i] !== 0) ||
    pads.some((each) => !(each >= 0 && each <= 1024))
  ) {
    return fault(operator, 'only constant padding of height and width, in front of a convolution or pooling, is read');
  }
  const value = operator.inputs[2];
  const fill = value?.kind === 'constant' ? (value.constant.values[0] ?? 0) : attributes.float('value', 0);
  return { kind: 'padded', of: x, pads: [pads[2]!, pads[3]!, pads[6]!, pads[7]!], fill };
};

/** A dense layer of a weight [inputs, units] or, turned, [units, inputs]. */
function dense(operator: Operator, weight: Constant, turned: boolean, bias: Constant | undefined): Value | undefined {
  const { builder, place } = operator;
  const source = operator.inputs[0];
  const x = source?.kind === 'layer' ? source : layerAt(operator);
  if (x === undefined) return undefined;
  if (weight.shape.length !== 2)
    return fault(operator, `its weight has ${weight.shape.length} axes; a matrix was expected`);
  const [units, inputs] = turned ? [weight.shape[0]!, weight.shape[1]!] : [weight.shape[1]!, weight.shape[0]!];
  if (x.shape.length === 1 && x.shape[0] !== inputs) {
    return fault(operator, `its weight is for ${inputs} features, but ${x.id} gives ${x.shape.join('×')}`);
  }
  const id = idOf(operator, 'dense');
  const value = builder.add('dense', id, [x], { units, bias: bias !== undefined }, place);
  if (value === undefined) return undefined;
  const straight = turned
    ? weight
    : {
        shape: [units, inputs],
        values: Float32Array.from(
          { length: units * inputs },
          (_, i) => weight.values[(i % inputs) * units + Math.floor(i / inputs)]!,
        ),
      };
  builder.weight(id, 'weight', straight, [units, inputs], place);
  if (bias !== undefined) builder.weight(id, 'bias', bias, [units], place);
  return value;
}

const gemm: Handler = (operator) => {
  const { attributes } = operator;
  if (attributes.float('alpha', 1) !== 1 || attributes.float('beta', 1) !== 1 || attributes.int('transA', 0) !== 0) {
    return fault(operator, 'only Gemm with alpha 1, beta 1 and an input that is not transposed is read');
  }
  const weight = constantAt(operator, 1, 'weight');
  const bias = operator.inputs[2] === undefined ? undefined : constantAt(operator, 2, 'bias');
  return weight && dense(operator, weight, attributes.int('transB', 0) === 1, bias);
};

const matMul: Handler = (operator) => {
  const weight = constantAt(operator, 1, 'weight');
  return weight && dense(operator, weight, false, undefined);
};

const batchNorm: Handler = (operator) => {
  const { attributes, builder, place } = operator;
  const x = layerAt(operator);
  const names = ['scale', 'bias', 'mean', 'variance'];
  const constants = names.map((name, i) => constantAt(operator, i + 1, name));
  if (x === undefined || constants.some((each) => each === undefined)) return undefined;
  if (attributes.int('training_mode', 0) !== 0)
    return fault(operator, 'it is in training mode; export the model in evaluation mode');
  const momentum = Number((1 - attributes.float('momentum', 0.9)).toPrecision(6));
  const id = idOf(operator, 'batchNorm');
  const value = builder.add('batchNorm', id, [x], { eps: attributes.float('epsilon', 1e-5), momentum }, place);
  if (value === undefined) return undefined;
  const channels = [x.shape[0]!];
  ['gamma', 'beta', 'runningMean', 'runningVar'].forEach((name, i) =>
    builder.weight(id, name, constants[i]!, channels, place),
  );
  return value;
};

const layerNorm: Handler = (operator) => {
  const { attributes, builder, place } = operator;
  const x = layerAt(operator);
  const scale = constantAt(operator, 1, 'scale');
  if (x === undefined || scale === undefined) return undefined;
  const axis = attributes.int('axis', -1);
  if (axis !== 1 && axis !== -x.shape.length)
    return fault(operator, `it normalises from axis ${axis} on; only all values of an image (axis 1) are supported`);
  const id = idOf(operator, 'layerNorm');
  const value = builder.add('layerNorm', id, [x], { eps: attributes.float('epsilon', 1e-5) }, place);
  if (value === undefined) return undefined;
  const bias = operator.inputs[2] === undefined ? zeros(scale) : constantAt(operator, 2, 'bias');
  builder.weight(id, 'gamma', scale, x.shape, place);
  if (bias !== undefined) builder.weight(id, 'beta', bias, x.shape, place);
  return value;
};

const zeros = ({ shape, values }: Constant): Constant => ({ shape, values: new Float32Array(values.length) });

const groupNorm: Handler = (operator) => {
  const { attributes, builder, place, opset } = operator;
  const [x, scale, bias] = [layerAt(operator), constantAt(operator, 1, 'scale'), constantAt(operator, 2, 'bias')];
  if (x === undefined || scale === undefined || bias === undefined) return undefined;
  const groups = attributes.int('num_groups', 1);
  const channels = x.shape[0]!;
  // up to set 20 the factors belonged to groups
  const spread = (each: Constant): Constant =>
    opset < 21 && each.values.length === groups
      ? {
          shape: [channels],
          values: Float32Array.from({ length: channels }, (_, c) => each.values[Math.floor((c * groups) / channels)]!),
        }
      : each;
  const id = idOf(operator, 'groupNorm');
  const value = builder.add('groupNorm', id, [x], { groups, eps: attributes.float('epsilon', 1e-5) }, place);
  if (value === undefined) return undefined;
  builder.weight(id, 'gamma', spread(scale), [channels], place);
  builder.weight(id, 'beta', spread(bias), [channels], place);
  return value;
};

/** Of whole channels, or of groups that a Reshape made: the middle of a group norm as PyTorch writes it. */
const instanceNorm: Handler = (operator) => {
  const { attributes, builder, place } = operator;
  const [scale, bias] = [constantAt(operator, 1, 'scale'), constantAt(operator, 2, 'bias')];
  const eps = attributes.float('epsilon', 1e-5);
  const source = operator.inputs[0];
  if (scale === undefined || bias === undefined) return undefined;
  if (source?.kind === 'grouped') {
    const plain =
      Array.from(scale.values).every((value) => value === 1) && Array.from(bias.values).every((value) => value === 0);
    if (!plain) return fault(operator, 'factors of groups are not supported');
    return { ...source, eps };
  }
  const x = layerAt(operator);
  if (x === undefined) return undefined;
  const id = idOf(operator, 'instanceNorm');
  const value = builder.add('groupNorm', id, [x], { groups: x.shape[0]!, eps }, place);
  if (value === undefined) return undefined;
  builder.weight(id, 'gamma', scale, [x.shape[0]!], place);
  builder.weight(id, 'beta', bias, [x.shape[0]!], place);
  return value;
};

/** The mean of each channel once its axes of one pixel are taken away. */
const unpool = (operator: Operator, of: LayerValue): Value | undefined =>
  operator.builder.add('globalAvgPool2d', idOf(operator, 'globalAvgPool'), [of], {}, operator.place);

const flatten: Handler = (operator) => {
  const source = operator.inputs[0];
  const axis = operator.attributes.int('axis', 1);
  if (source?.kind === 'pooled') return unpool(operator, source.of);
  if (axis !== 1 && !(source?.kind === 'layer' && axis === -source.shape.length)) {
    return fault(operator, `it flattens from axis ${axis} on; only axis 1 is supported`);
  }
  const x = layerAt(operator);
  return x && flat(operator, x);
};

/** Features stay as they are. */
const flat = (operator: Operator, x: LayerValue): Value | undefined =>
  x.shape.length === 1 ? x : operator.builder.add('flatten', idOf(operator, 'flatten'), [x], {}, operator.place);

const reshape: Handler = (operator) => {
  const target = constantAt(operator, 1, 'shape');
  if (target === undefined) return undefined;
  const source = operator.inputs[0];
  const shape = Array.from(target.values);
  if (source?.kind === 'grouped') {
    // back from groups to the image; a size of its own in the batch's place is no image of this model
    const { of, groups, eps } = source;
    if (eps === null || shape.length !== 4)
      return fault(operator, 'groups of channels are only read inside a group norm');
    const id = idOf(operator, 'groupNorm');
    return operator.builder.add('groupNorm', id, [of], { groups, eps, affine: false }, operator.place);
  }
  if (shape.length === 2 && source?.kind === 'pooled') return unpool(operator, source.of);
  const x = layerAt(operator);
  if (x === undefined) return undefined;
  const size = x.shape.reduce((product, extent) => product * extent, 1);
  if (shape.length === 2 && (shape[1] === -1 || shape[1] === size)) return flat(operator, x);
  if (shape.length === 3 && x.shape.length === 3 && shape[0] === 0 && shape[1]! > 0) {
    return { kind: 'grouped', of: x, groups: shape[1]!, eps: null };
  }
  return fault(
    operator,
    `it makes the shape [${shape.slice(0, 8).join(', ')}]; only flattening to [N, features] is supported`,
  );
};

const squeeze: Handler = (operator) => {
  const source = operator.inputs[0];
  if (source?.kind === 'pooled') return unpool(operator, source.of);
  return fault(operator, 'only the two axes of a global average can be taken away');
};

const globalPool: Handler = (operator) => {
  const x = layerAt(operator);
  return x && { kind: 'pooled', of: x };
};

const reduceMean: Handler = (operator) => {
  const { attributes, opset } = operator;
  const x = layerAt(operator);
  const list = opset < 18 ? attributes.ints('axes') : constantAt(operator, 1, 'list of axes')?.values;
  if (x === undefined || list === undefined) return undefined;
  const axes = Array.from(list, (axis) => (axis < 0 ? axis + 4 : axis)).sort((a, b) => a - b);
  if (x.shape.length !== 3 || axes.join() !== '2,3')
    return fault(operator, 'only the mean over height and width is supported');
  return attributes.int('keepdims', 1) === 0 ? unpool(operator, x) : { kind: 'pooled', of: x };
};

const sameLayer = (a: Value | undefined, b: Value | undefined): boolean =>
  a?.kind === 'layer' && b?.kind === 'layer' && a.id === b.id;

/** The one constant number among the inputs, and the other input. */
function withNumber(operator: Operator): { readonly number: number; readonly other: Value | undefined } | undefined {
  const [a, b] = operator.inputs;
  const constant = a?.kind === 'constant' ? a : b?.kind === 'constant' ? b : undefined;
  if (constant?.constant.values.length !== 1) return undefined;
  return { number: constant.constant.values[0]!, other: constant === a ? b : a };
}

const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-4 * Math.abs(b);

const add: Handler = (operator) => {
  const { builder, place, inputs } = operator;
  const scalar = withNumber(operator);
  if (scalar?.other?.kind === 'gate' && scalar.other.step === 'erf' && near(scalar.number, 1)) {
    return { ...scalar.other, step: 'onePlus' };
  }
  const constant = inputs.find((value) => value?.kind === 'constant');
  const other = inputs.find((value) => value?.kind === 'layer');
  if (constant?.kind === 'constant' && other?.kind === 'layer') return addConstant(operator, other, constant.constant);
  const list = inputs.map((_, i) => layerAt(operator, i));
  const known = list.filter((value) => value !== undefined);
  if (known.length < 2 || known.length < list.length) return undefined;
  return builder.add('add', idOf(operator, 'add'), known, {}, place);
};

/** A bias behind a layer that has none, or the beta of a group norm. */
function addConstant(operator: Operator, x: LayerValue, constant: Constant): Value | undefined {
  const { builder, place } = operator;
  const layer = builder.layerOf(x.id)?.node;
  const perChannel = constant.values.length === x.shape[0];
  const trailing = x.shape.length === 1 || constant.shape.slice(-2).join() === '1,1';
  if (layer !== undefined && perChannel && trailing) {
    if ((layer.layer === 'dense' || layer.layer === 'conv2d') && layer.props?.['bias'] === false) {
      builder.setProps(x.id, ({ bias: _bias, ...rest }) => rest);
      builder.weight(x.id, 'bias', constant, [x.shape[0]!], place);
      return x;
    }
    if (layer.layer === 'groupNorm' && builder.weights.has(`${x.id}.gamma`)) {
      builder.weight(x.id, 'beta', constant, [x.shape[0]!], place);
      return x;
    }
  }
  return fault(operator, `it adds a constant to ${x.id}, which is no bias of a dense layer or convolution`);
}

const multiply: Handler = (operator) => {
  const { builder, inputs, place } = operator;
  const [a, b] = inputs;
  const scalar = withNumber(operator);
  if (scalar?.other?.kind === 'gate') {
    const { other, number } = scalar;
    if (other.step === 'double' && near(number, 0.5))
      return builder.add('gelu', idOf(operator, 'gelu'), [other.of], {}, place);
  }
  if (scalar?.other?.kind === 'layer' && near(scalar.number, Math.SQRT1_2))
    return { kind: 'gate', of: scalar.other, step: 'scaled' };
  if (scalar?.other?.kind === 'layer' && near(scalar.number, 0.5))
    return { kind: 'gate', of: scalar.other, step: 'halved' };
  for (const [x, gate] of [
    [a, b],
    [b, a],
  ] as const) {
    if (gate?.kind === 'gate' && x?.kind === 'layer' && gate.of.id === x.id) {
      if (gate.step === 'onePlus') return { ...gate, step: 'double' };
      if (gate.step === 'hardSigmoid') return builder.add('hardSwish', idOf(operator, 'hardSwish'), [x], {}, place);
    }
    if (
      gate?.kind === 'gate' &&
      x?.kind === 'gate' &&
      x.step === 'halved' &&
      gate.step === 'onePlus' &&
      x.of.id === gate.of.id
    ) {
      return builder.add('gelu', idOf(operator, 'gelu'), [x.of], {}, place);
    }
    if (x?.kind !== 'layer' || gate?.kind !== 'layer') continue;
    const made = builder.layerOf(gate.id);
    if (made?.node.layer === 'sigmoid' && sameLayer(made.inputs[0], x)) {
      return builder.add('silu', idOf(operator, 'silu'), [x], {}, place);
    }
    const inner = made?.node.layer === 'tanh' && made.inputs[0] ? builder.layerOf(made.inputs[0].id) : undefined;
    if (inner?.node.layer === 'softplus' && sameLayer(inner.inputs[0], x)) {
      return builder.add('mish', idOf(operator, 'mish'), [x], {}, place);
    }
  }
  return scaleOf(operator);
};

/** The gamma of a group norm. */
function scaleOf(operator: Operator): Value | undefined {
  const { builder, inputs, place } = operator;
  const constant = inputs.find((value) => value?.kind === 'constant');
  const x = inputs.find((value) => value?.kind === 'layer');
  if (constant?.kind === 'constant' && x?.kind === 'layer') {
    const { values, shape } = constant.constant;
    const layer = builder.layerOf(x.id)?.node;
    const perChannel = values.length === x.shape[0] && shape.slice(-2).join() === '1,1';
    if (layer?.layer === 'groupNorm' && layer.props?.['affine'] === false && perChannel) {
      builder.setProps(x.id, ({ affine: _affine, ...rest }) => rest);
      builder.weight(x.id, 'gamma', constant.constant, [x.shape[0]!], place);
      builder.weight(x.id, 'beta', zeros(constant.constant), [x.shape[0]!], place);
      return x;
    }
  }
  return fault(operator, 'products are only read as part of SiLU, Mish, GELU, hard swish or group norm');
}

const divide: Handler = (operator) => {
  const scalar = withNumber(operator);
  if (scalar?.other?.kind === 'layer' && near(scalar.number, Math.SQRT2) && operator.inputs[1]?.kind === 'constant') {
    return { kind: 'gate', of: scalar.other, step: 'scaled' };
  }
  return fault(operator, 'divisions are only read as part of GELU');
};

const erf: Handler = (operator) => {
  const source = operator.inputs[0];
  if (source?.kind === 'gate' && source.step === 'scaled') return { ...source, step: 'erf' };
  return fault(operator, 'the error function is only read as part of GELU');
};

const hardSigmoid: Handler = (operator) => {
  const x = layerAt(operator);
  if (x === undefined) return undefined;
  const { attributes } = operator;
  if (near(attributes.float('alpha', 0.2), 1 / 6) && near(attributes.float('beta', 0.5), 0.5)) {
    return { kind: 'gate', of: x, step: 'hardSigmoid' };
  }
  return fault(operator, 'it is only read as part of hard swish (alpha 1/6, beta 0.5)');
};

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

/** Operators that are read, by name; everything else is named in the refusal. */
export const operators: Readonly<Record<string, Handler>> = {
  Add: add,
  AveragePool: pool('avgPool2d'),
  BatchNormalization: batchNorm,
  Cast: ({ inputs }) => inputs[0],
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
  Selu: single('selu'),
  Sigmoid: single('sigmoid'),
  Softplus: single('softplus'),
  Squeeze: squeeze,
  Sum: add,
  Swish: single('silu'),
  Tanh: single('tanh'),
};
