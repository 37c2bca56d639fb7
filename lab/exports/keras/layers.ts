import {
  layers,
  resizeTaps,
  type CheckedNode,
  type LayerName,
  type LayerWindow,
  type ResizeMode,
} from '../../../engine/index.ts';
import type { KerasHelper } from './helpers.ts';
import { literal, named } from '../python/source.ts';

/** A layer in Keras: expressions that are applied one after the other; the last one bears the node's name. */
export interface KerasLayer {
  readonly steps: readonly string[];
  /** Whether the last step takes all inputs as a list. */
  readonly merges?: boolean;
  /** Our names of its tensors, with the attribute of the layer and how its axes are put: see `start_weights`. */
  readonly tensors?: Readonly<Record<string, readonly [attribute: string, axes: readonly number[] | null]>>;
  readonly note?: string;
  readonly helper?: KerasHelper;
  /** Whether it is written for one image size. */
  readonly sized?: boolean;
}

type Describe = (node: CheckedNode, name: string) => KerasLayer;

const propsOf = (node: CheckedNode): Readonly<Record<string, unknown>> => node.props;
const windowOf = ({ layer, props, inputShapes }: CheckedNode): LayerWindow => layers[layer].window!(props, inputShapes);

const layer = (kind: string, words: string, name: string): string => {
  const first = words.replace(/^, /, '');
  return `layers.${kind}(${first}${first === '' ? '' : ', '}name=${literal(name)})`;
};
const plain =
  (kind: string, words: (props: Readonly<Record<string, unknown>>) => string = () => ''): Describe =>
  (node, name) => ({ steps: [layer(kind, words(propsOf(node)), name)] });
const activation = (fn: string): Describe => plain('Activation', () => literal(fn));

const kernelTensors = (bias: unknown, axes: readonly number[]): KerasLayer['tensors'] => ({
  weight: ['kernel', axes],
  ...(bias === true ? { bias: ['bias', null] as const } : {}),
});

const conv2d: Describe = (node, name) => {
  const { kernel, stride, pads, dilation } = windowOf(node);
  const { filters, groups, bias } = propsOf(node);
  const around = pads.some((pad) => pad > 0)
    ? [
        `layers.ZeroPadding2D(${literal([
          [pads[0], pads[2]],
          [pads[1], pads[3]],
        ])})`,
      ]
    : [];
  const settings = { strides: stride, dilation_rate: dilation, groups, use_bias: bias };
  const rest = named(settings, { strides: [1, 1], dilation_rate: [1, 1], groups: 1, use_bias: true });
  return {
    steps: [...around, layer('Conv2D', `${literal(filters)}, ${literal(kernel)}${rest}, **PENALTY`, name)],
    tensors: kernelTensors(bias, [2, 3, 1, 0]),
  };
};

/** All pads with what a pooling rounded up reaches beyond them: ((top, bottom), (left, right)). */
function allPads({ outputShape, inputShapes }: CheckedNode, { stride, kernel, pads }: LayerWindow): number[][] {
  const beyond = (axis: 0 | 1): number =>
    Math.max(
      0,
      (outputShape[axis + 1]! - 1) * stride[axis] +
        kernel[axis] -
        inputShapes[0]![axis + 1]! -
        pads[axis] -
        pads[axis + 2]!,
    );
  return [
    [pads[0], pads[2] + beyond(0)],
    [pads[1], pads[3] + beyond(1)],
  ];
}

const maxPool2d: Describe = (node, name) => {
  const window = windowOf(node);
  const pads = allPads(node, window);
  const before = pads.flat().some((pad) => pad > 0) ? [`PadLow(${literal(pads)})`] : [];
  return {
    steps: [...before, layer('MaxPooling2D', `${literal(window.kernel)}, ${literal(window.stride)}`, name)],
    ...(before.length > 0 && { helper: 'padLow' }),
    sized: propsOf(node)['ceilMode'] === true,
  };
};

const avgPool2d: Describe = (node, name) => {
  const window = windowOf(node);
  const { kernel, stride, pads } = window;
  const all = allPads(node, window);
  if (all.flat().every((pad) => pad === 0)) {
    const sized = propsOf(node)['ceilMode'] === true;
    return { steps: [layer('AveragePooling2D', `${literal(kernel)}, ${literal(stride)}`, name)], sized };
  }
  const own = [
    [pads[0], pads[2]],
    [pads[1], pads[3]],
  ];
  const counts =
    propsOf(node)['countIncludePad'] === true
      ? own
      : [
          [0, 0],
          [0, 0],
        ];
  const words = [kernel, stride, all, counts].map(literal).join(', ');
  return { steps: [`AveragePool(${words}, name=${literal(name)})`], helper: 'averagePool', sized: true };
};

const resize: Describe = (node, name) => {
  const mode = propsOf(node)['mode'] as ResizeMode;
  const [, height, width] = node.inputShapes[0]! as readonly [number, number, number];
  const [, rows, columns] = node.outputShape as readonly [number, number, number];
  const taps = (size: number, out: number): string =>
    literal(resizeTaps(mode, size, out).map(({ first, weights }) => [first, [...weights]]));
  return {
    steps: [`Resample(${taps(height, rows)}, ${taps(width, columns)}, name=${literal(name)})`],
    helper: 'resample',
    sized: true,
  };
};

const batchNorm: Describe = (node, name) => {
  const { eps, momentum, affine } = propsOf(node);
  const kept = typeof momentum === 'number' ? 1 - momentum : 0.99;
  const settings = named(
    { epsilon: eps, momentum: kept, center: affine, scale: affine },
    { center: true, scale: true },
  );
  return {
    steps: [layer('BatchNormalization', settings, name)],
    tensors: {
      ...(affine === true ? { gamma: ['gamma', null], beta: ['beta', null] } : {}),
      runningMean: ['moving_mean', null],
      runningVar: ['moving_variance', null],
    },
    note:
      momentum === null
        ? `${node.id}: Keras keeps no plain average of all batches; its moving statistics forget with momentum 0.99.`
        : 'Keras moves the running variance of batch norms by the biased variance of a batch.',
  };
};

const affineTensors = (affine: unknown, axes: readonly number[] | null): KerasLayer['tensors'] =>
  affine === true ? { gamma: ['gamma', axes], beta: ['beta', axes] } : {};

/** How every layer is said in Keras 3, with the channels last. */
export const kerasLayers: { readonly [N in LayerName]: Describe } = {
  input: () => ({ steps: [] }),
  dense: (node, name) => {
    const { units, bias } = propsOf(node);
    const rest = named({ use_bias: bias }, { use_bias: true });
    return {
      steps: [layer('Dense', `${literal(units)}${rest}, **PENALTY`, name)],
      tensors: kernelTensors(bias, [1, 0]),
    };
  },
  conv2d,
  maxPool2d,
  avgPool2d,
  globalAvgPool2d: plain('GlobalAveragePooling2D'),
  resize,
  flatten: (node, name) => ({
    // the channels come first in our order of features, so dense weights stay as they are
    steps: [...(node.inputShapes[0]!.length === 3 ? ['layers.Permute((3, 1, 2))'] : []), layer('Flatten', '', name)],
  }),
  batchNorm,
  noisyBatchNorm: (node, name) => ({
    ...batchNorm(node, name),
    note: `${node.id}: the noise of noisy batch norm is left out; it is plain batch norm here.`,
  }),
  groupNorm: (node, name) => {
    const { groups, eps, affine } = propsOf(node);
    const settings = named({ epsilon: eps, center: affine, scale: affine }, { center: true, scale: true });
    return {
      steps: [layer('GroupNormalization', `${literal(groups)}${settings}`, name)],
      tensors: affineTensors(affine, null),
    };
  },
  layerNorm: (node, name) => {
    const { eps, affine } = propsOf(node);
    const image = node.inputShapes[0]!.length === 3;
    const settings = named({ epsilon: eps, center: affine, scale: affine }, { center: true, scale: true });
    return {
      steps: [layer('LayerNormalization', `axis=${image ? '[1, 2, 3]' : '-1'}${settings}`, name)],
      tensors: affineTensors(affine, image ? [1, 2, 0] : null),
    };
  },
  dropout: (node, name) => {
    const { p, channel } = propsOf(node);
    const whole = channel === true && node.inputShapes[0]!.length === 3;
    return {
      steps: [layer(whole ? 'SpatialDropout2D' : 'Dropout', literal(p), name)],
      note: `${node.id}: Keras draws its own dropout masks.`,
    };
  },
  sigmoid: activation('sigmoid'),
  tanh: activation('tanh'),
  relu: activation('relu'),
  leakyRelu: plain('LeakyReLU', ({ slope }) => `negative_slope=${literal(slope)}`),
  elu: plain('ELU', ({ alpha }) => `alpha=${literal(alpha)}`),
  selu: activation('selu'),
  gelu: (node, name) =>
    propsOf(node)['approximate'] === 'tanh'
      ? { steps: [layer('Activation', 'lambda x: keras.activations.gelu(x, approximate=True)', name)] }
      : { steps: [layer('Activation', 'lambda x: keras.activations.gelu(x, approximate=False)', name)] },
  silu: activation('silu'),
  softplus: activation('softplus'),
  hardSwish: activation('hard_silu'),
  mish: activation('mish'),
  add: (_node, name) => ({ steps: [layer('Add', '', name)], merges: true }),
  concat: (_node, name) => ({ steps: [layer('Concatenate', 'axis=-1', name)], merges: true }),
};
