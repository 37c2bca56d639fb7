import type { Shape } from '../../../engine/index.ts';
import type { LayerValue, Value } from './builder.ts';
import { constantAt, fault, idOf, layerAt, type Handler, type Operator } from './operator.ts';

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

export const conv: Handler = (operator) => {
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

export const pool =
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

export const pad: Handler = (operator) => {
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
