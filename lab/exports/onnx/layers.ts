import {
  layers,
  resizeTaps,
  sizeOf,
  type CheckedNode,
  type LayerName,
  type LayerWindow,
  type ResizeMode,
} from '../../../engine/index.ts';

/** What a layer uses to put its operators into an ONNX graph. */
export interface OnnxContext {
  readonly node: CheckedNode;
  readonly inputs: readonly string[];
  /** To be written by exactly one operator. */
  readonly output: string;
  /** Name of one of the layer's own tensors. */
  parameter(name: string): string;
  /** Name of a further value between two operators. */
  value(name: string): string;
  floats(name: string, shape: readonly number[], values: ArrayLike<number>): string;
  ints(name: string, values: readonly number[]): string;
  flag(name: string, value: boolean): string;
  emit(
    opType: string,
    inputs: readonly string[],
    output: string,
    attributes?: Readonly<Record<string, Attribute>>,
  ): void;
}

/** Attributes say their type themselves: 1 may be a float. */
export type Attribute =
  | { readonly float: number }
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly text: string };

type Emit = (context: OnnxContext) => void;
type Props = Readonly<Record<string, unknown>>;

const propsOf = ({ node }: OnnxContext): Props => node.props;
const windowOf = ({ layer, props, inputShapes }: CheckedNode): LayerWindow => layers[layer].window!(props, inputShapes);

/** An operator of one input, by itself. */
const simple =
  (opType: string, attributes?: (props: Props) => Readonly<Record<string, Attribute>>): Emit =>
  (context) =>
    context.emit(opType, [context.inputs[0]!], context.output, attributes?.(propsOf(context)) ?? {});

const conv: Emit = (context) => {
  const { kernel, stride, pads, dilation } = windowOf(context.node);
  const { groups, bias } = propsOf(context);
  const inputs = [
    context.inputs[0]!,
    context.parameter('weight'),
    ...(bias === true ? [context.parameter('bias')] : []),
  ];
  context.emit('Conv', inputs, context.output, {
    kernel_shape: { ints: kernel },
    strides: { ints: stride },
    pads: { ints: pads },
    dilations: { ints: dilation },
    group: { int: groups as number },
  });
};

/**
 * Pads [top, left, bottom, right] with which a window that only fits whole gives the layer's own shape: a pooling that rounds up
 * reaches beyond the image at the bottom and right. Runtimes differ in how they round up, so nothing is left to them.
 */
function padsToFit({ outputShape, inputShapes }: CheckedNode, window: LayerWindow): readonly [number, number] {
  const beyond = (axis: 0 | 1): number => {
    const needed = (outputShape[axis + 1]! - 1) * window.stride[axis] + window.kernel[axis];
    return Math.max(0, needed - inputShapes[0]![axis + 1]! - window.pads[axis] - window.pads[axis + 2]!);
  };
  return [beyond(0), beyond(1)];
}

const maxPool: Emit = (context) => {
  const window = windowOf(context.node);
  const [bottom, right] = padsToFit(context.node, window);
  const { kernel, stride, pads } = window;
  context.emit('MaxPool', [context.inputs[0]!], context.output, {
    kernel_shape: { ints: kernel },
    strides: { ints: stride },
    pads: { ints: [pads[0], pads[1], pads[2] + bottom, pads[3] + right] },
  });
};

const avgPool: Emit = (context) => {
  const window = windowOf(context.node);
  const [bottom, right] = padsToFit(context.node, window);
  const { kernel, stride, pads } = window;
  const counts = propsOf(context)['countIncludePad'] === true && pads.some((pad) => pad > 0);
  const shape = { kernel_shape: { ints: kernel }, strides: { ints: stride } };
  if (counts && bottom + right > 0) {
    // padding counts, what lies beyond it does not: padding becomes real zeros, and the rest the operator's own pads
    const padded = context.value('padded');
    const around = context.ints('pads', [0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]]);
    context.emit('Pad', [context.inputs[0]!, around], padded, { mode: { text: 'constant' } });
    context.emit('AveragePool', [padded], context.output, {
      ...shape,
      pads: { ints: [0, 0, bottom, right] },
      count_include_pad: { int: 0 },
    });
    return;
  }
  context.emit('AveragePool', [context.inputs[0]!], context.output, {
    ...shape,
    pads: { ints: [pads[0], pads[1], pads[2] + bottom, pads[3] + right] },
    count_include_pad: { int: counts ? 1 : 0 },
  });
};

const globalAvgPool: Emit = (context) => {
  const means = context.value('means');
  context.emit('GlobalAveragePool', [context.inputs[0]!], means);
  context.emit('Flatten', [means], context.output, { axis: { int: 1 } });
};

const dense: Emit = (context) => {
  const bias = propsOf(context)['bias'] === true ? [context.parameter('bias')] : [];
  context.emit('Gemm', [context.inputs[0]!, context.parameter('weight'), ...bias], context.output, {
    alpha: { float: 1 },
    beta: { float: 1 },
    transB: { int: 1 },
  });
};

/** gamma and beta, or ones and zeros where the layer has none. */
function affine(context: OnnxContext, shape: readonly number[]): readonly [string, string] {
  if (propsOf(context)['affine'] === true) return [context.parameter('gamma'), context.parameter('beta')];
  const size = sizeOf(shape);
  return [
    context.floats('ones', shape, new Float32Array(size).fill(1)),
    context.floats('zeros', shape, new Float32Array(size)),
  ];
}

/** As in evaluation: with the running statistics. */
const batchNorm: Emit = (context) => {
  const { eps, momentum } = propsOf(context);
  const [gamma, beta] = affine(context, [context.node.inputShapes[0]![0]!]);
  const inputs = [context.inputs[0]!, gamma, beta, context.parameter('runningMean'), context.parameter('runningVar')];
  // ONNX names the share of the old statistics
  const kept: Readonly<Record<string, Attribute>> =
    typeof momentum === 'number' ? { momentum: { float: 1 - momentum } } : {};
  context.emit('BatchNormalization', inputs, context.output, { epsilon: { float: eps as number }, ...kept });
};

const groupNorm: Emit = (context) => {
  const { eps, groups } = propsOf(context);
  const shape = context.node.inputShapes[0]!;
  const factors = affine(context, [shape[0]!]);
  const attributes = { epsilon: { float: eps as number }, num_groups: { int: groups as number } };
  if (shape.length === 3) {
    context.emit('GroupNormalization', [context.inputs[0]!, ...factors], context.output, attributes);
    return;
  }
  // the operator wants an axis behind the channels
  const [deep, normal] = [context.value('deep'), context.value('normal')];
  context.emit('Unsqueeze', [context.inputs[0]!, context.ints('axis', [2])], deep);
  context.emit('GroupNormalization', [deep, ...factors], normal, attributes);
  context.emit('Flatten', [normal], context.output, { axis: { int: 1 } });
};

const layerNorm: Emit = (context) => {
  const factors = affine(context, context.node.inputShapes[0]!);
  context.emit('LayerNormalization', [context.inputs[0]!, ...factors], context.output, {
    axis: { int: 1 },
    epsilon: { float: propsOf(context)['eps'] as number },
  });
};

const dropout: Emit = (context) => {
  const ratio = context.floats('ratio', [], [propsOf(context)['p'] as number]);
  context.emit('Dropout', [context.inputs[0]!, ratio, context.flag('training', false)], context.output);
};

/** [out, in]: one axis of a resize as a matrix. */
function resizeMatrix(mode: ResizeMode, size: number, out: number): Float32Array {
  const matrix = new Float32Array(out * size);
  resizeTaps(mode, size, out).forEach(({ first, weights }, row) => matrix.set(weights, row * size + first));
  return matrix;
}

const isPowerOfTwo = (ratio: number): boolean => Number.isInteger(Math.log2(ratio));

const resize: Emit = (context) => {
  const [, height, width] = context.node.inputShapes[0]! as readonly [number, number, number];
  const [, rows, columns] = context.node.outputShape as readonly [number, number, number];
  const mode = propsOf(context)['mode'] as ResizeMode;
  const x = context.inputs[0]!;
  // any other ratio is rounded by runtimes, and a pixel next to the right one copied
  const exact = isPowerOfTwo(rows / height) && isPowerOfTwo(columns / width);
  if (mode === 'area') {
    if (height % rows === 0 && width % columns === 0) {
      const window = [height / rows, width / columns];
      context.emit('AveragePool', [x], context.output, { kernel_shape: { ints: window }, strides: { ints: window } });
      return;
    }
    const tall = context.value('tall');
    const left = context.floats('rows', [rows, height], resizeMatrix(mode, height, rows));
    const across = resizeMatrix(mode, width, columns);
    const turned = Float32Array.from({ length: width * columns }, (_, i) => {
      return across[(i % columns) * width + Math.floor(i / columns)]!;
    });
    context.emit('MatMul', [left, x], tall);
    context.emit('MatMul', [tall, context.floats('columns', [width, columns], turned)], context.output);
    return;
  }
  if (mode === 'nearest' && !exact) {
    const tall = context.value('tall');
    const pick = (size: number, out: number): number[] => resizeTaps(mode, size, out).map(({ first }) => first);
    context.emit('Gather', [x, context.ints('rows', pick(height, rows))], tall, { axis: { int: 2 } });
    context.emit('Gather', [tall, context.ints('columns', pick(width, columns))], context.output, { axis: { int: 3 } });
    return;
  }
  const how: Readonly<Record<string, Attribute>> =
    mode === 'nearest'
      ? {
          mode: { text: 'nearest' },
          coordinate_transformation_mode: { text: 'asymmetric' },
          nearest_mode: { text: 'floor' },
        }
      : { mode: { text: 'linear' }, coordinate_transformation_mode: { text: 'half_pixel' } };
  context.emit('Resize', [x, '', '', context.ints('size', [rows, columns])], context.output, {
    axes: { ints: [2, 3] },
    ...how,
    // weights beyond the edge count for nothing, as in PyTorch; by default the edge pixel would take them
    ...(mode === 'bilinearAntialias' ? { antialias: { int: 1 }, exclude_outside: { int: 1 } } : {}),
  });
};

const silu: Emit = (context) => {
  const gate = context.value('gate');
  context.emit('Sigmoid', [context.inputs[0]!], gate);
  context.emit('Mul', [context.inputs[0]!, gate], context.output);
};

/** How every layer is said in ONNX, operator set 21, as it computes in evaluation. */
export const onnxLayers: { readonly [N in LayerName]: Emit } = {
  // the graph's own input
  input: () => undefined,
  dense,
  conv2d: conv,
  maxPool2d: maxPool,
  avgPool2d: avgPool,
  globalAvgPool2d: globalAvgPool,
  resize,
  flatten: simple('Flatten', () => ({ axis: { int: 1 } })),
  batchNorm,
  noisyBatchNorm: batchNorm,
  groupNorm,
  layerNorm,
  dropout,
  sigmoid: simple('Sigmoid'),
  tanh: simple('Tanh'),
  relu: simple('Relu'),
  leakyRelu: simple('LeakyRelu', ({ slope }) => ({ alpha: { float: slope as number } })),
  elu: simple('Elu', ({ alpha }) => ({ alpha: { float: alpha as number } })),
  selu: simple('Selu'),
  gelu: simple('Gelu', ({ approximate }) => ({ approximate: { text: approximate as string } })),
  silu,
  softplus: simple('Softplus'),
  hardSwish: simple('HardSwish'),
  mish: simple('Mish'),
  add: (context) => context.emit(context.inputs.length === 2 ? 'Add' : 'Sum', context.inputs, context.output),
  concat: (context) => context.emit('Concat', context.inputs, context.output, { axis: { int: 1 } }),
};
