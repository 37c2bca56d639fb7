import { layers, type CheckedNode, type LayerName, type LayerWindow } from '../../../engine/index.ts';
import { literal, named } from '../python/source.ts';

/** A layer in PyTorch, at any image size: the module that `__init__` makes, and the expression that `forward` computes. */
export interface TorchLayer {
  readonly module?: string;
  /** `self` is the module's name ("self.conv1"), `inputs` are expressions. */
  forward(self: string, inputs: readonly string[]): string;
  /** Our names of its tensors, with the attribute of the module that holds each. */
  readonly tensors?: Readonly<Record<string, string>>;
  /** Helper of the script that it calls. */
  readonly helper?: TorchHelper;
}

/** Classes and functions that a script brings along where a layer needs them (helpers.ts). */
export type TorchHelper = 'dropout' | 'noisyBatchNorm' | 'pool' | 'nearest';

type Describe = (node: CheckedNode) => TorchLayer;
type Pads = readonly [number, number, number, number];

const propsOf = (node: CheckedNode): Readonly<Record<string, unknown>> => node.props;
const windowOf = ({ layer, props, inputShapes }: CheckedNode): LayerWindow => layers[layer].window!(props, inputShapes);
const symmetric = ([top, left, bottom, right]: Pads): boolean => top === bottom && left === right;
/** PyTorch counts the last axis first. */
const padded = (x: string, [top, left, bottom, right]: Pads, fill = ''): string =>
  `F.pad(${x}, ${literal([left, right, top, bottom])}${fill})`;

const weightAndBias = (bias: unknown): Readonly<Record<string, string>> =>
  bias === true ? { weight: 'weight', bias: 'bias' } : { weight: 'weight' };
const gammaAndBeta = (affine: unknown): Readonly<Record<string, string>> =>
  affine === true ? { gamma: 'weight', beta: 'bias' } : {};

const call = (module: string, tensors: Readonly<Record<string, string>> = {}): TorchLayer => ({
  module,
  forward: (self, [x]) => `${self}(${x})`,
  tensors,
});
const expression =
  (write: (x: string) => string): Describe =>
  () => ({ forward: (_self, [x]) => write(x!) });

const conv2d: Describe = (node) => {
  const { kernel, stride, pads, dilation } = windowOf(node);
  const { filters, groups, bias } = propsOf(node);
  const even = symmetric(pads);
  const padding = even ? [pads[0], pads[1]] : [0, 0];
  const defaults = { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1, bias: true };
  const rest = named({ stride, padding, dilation, groups, bias }, defaults);
  const module = `nn.Conv2d(${node.inputShapes[0]![0]}, ${literal(filters)}, ${literal(kernel)}${rest})`;
  const forward: TorchLayer['forward'] = (self, [x]) => `${self}(${even ? x : padded(x!, pads)})`;
  return { module, forward, tensors: weightAndBias(bias) };
};

/** Whether PyTorch's own pooling takes these pads. */
const fitsPool = ({ kernel, pads }: LayerWindow): boolean =>
  symmetric(pads) && pads[0] <= kernel[0] / 2 && pads[1] <= kernel[1] / 2;

const maxPool2d: Describe = (node) => {
  const window = windowOf(node);
  const { kernel, stride, pads } = window;
  const { ceilMode } = propsOf(node);
  if (fitsPool(window)) {
    const defaults = { padding: [0, 0], ceil_mode: false };
    const rest = named({ padding: [pads[0], pads[1]], ceil_mode: ceilMode }, defaults);
    return call(`nn.MaxPool2d(${literal(kernel)}, ${literal(stride)}${rest})`);
  }
  return lopsidedPool(node, 'maximum', {});
};

const avgPool2d: Describe = (node) => {
  const window = windowOf(node);
  const { kernel, stride, pads } = window;
  const { ceilMode, countIncludePad } = propsOf(node);
  if (fitsPool(window)) {
    const defaults = { padding: [0, 0], ceil_mode: false, count_include_pad: true };
    const settings = { padding: [pads[0], pads[1]], ceil_mode: ceilMode, count_include_pad: countIncludePad };
    return call(`nn.AvgPool2d(${literal(kernel)}, ${literal(stride)}${named(settings, defaults)})`);
  }
  return lopsidedPool(node, 'average', { count_include_pad: countIncludePad });
};

function lopsidedPool(
  node: CheckedNode,
  kind: 'maximum' | 'average',
  more: Readonly<Record<string, unknown>>,
): TorchLayer {
  const { kernel, stride, pads } = windowOf(node);
  const settings = { ceil_mode: propsOf(node)['ceilMode'], ...more };
  const words = [kernel, stride, pads].map(literal).join(', ');
  const rest = named(settings, { ceil_mode: false, count_include_pad: true });
  return { forward: (_self, [x]) => `pool(${x}, ${literal(kind)}, ${words}${rest})`, helper: 'pool' };
}

const resize: Describe = (node) => {
  const { mode } = propsOf(node);
  const size = node.outputShape.slice(1) as [number, number];
  if (mode === 'area') return { forward: (_self, [x]) => `F.adaptive_avg_pool2d(${x}, ${literal(size)})` };
  if (mode === 'nearest') {
    return { forward: (_self, [x]) => `nearest(${x}, ${literal(size)})`, helper: 'nearest' };
  }
  const antialias = mode === 'bilinearAntialias' ? ', antialias=True' : '';
  return {
    forward: (_self, [x]) =>
      `F.interpolate(${x}, size=${literal(size)}, mode="bilinear", align_corners=False${antialias})`,
  };
};

const running = (momentum: unknown): Readonly<Record<string, string>> => ({
  runningMean: 'running_mean',
  runningVar: 'running_var',
  ...(momentum === null ? { batchesTracked: 'num_batches_tracked' } : {}),
});

function batchNormModule(node: CheckedNode): string {
  const { eps, momentum, affine } = propsOf(node);
  const shape = node.inputShapes[0]!;
  const rest = named({ eps, momentum, affine }, { eps: 1e-5, momentum: 0.1, affine: true });
  return `nn.BatchNorm${shape.length === 3 ? '2d' : '1d'}(${shape[0]}${rest})`;
}

const batchNorm: Describe = (node) => {
  const { momentum, affine } = propsOf(node);
  return call(batchNormModule(node), { ...gammaAndBeta(affine), ...running(momentum) });
};

const noisyBatchNorm: Describe = (node) => {
  const { momentum, affine, meanRange, largestScale, meanSpread, scaleSpread } = propsOf(node);
  const own = [meanRange, largestScale, meanSpread, scaleSpread].map(literal).join(', ');
  const tensors = Object.entries({ ...gammaAndBeta(affine), ...running(momentum) });
  return {
    ...call(
      `NoisyBatchNorm(${batchNormModule(node)}, ${literal(node.id)}, ${own})`,
      Object.fromEntries(tensors.map(([name, attribute]) => [name, `norm.${attribute}`])),
    ),
    helper: 'noisyBatchNorm',
  };
};

/** How every layer is said in PyTorch. */
export const torchLayers: { readonly [N in LayerName]: Describe } = {
  input: () => ({ forward: () => 'x' }),
  dense: (node) => {
    const { units, bias } = propsOf(node);
    const rest = named({ bias }, { bias: true });
    return call(`nn.Linear(${node.inputShapes[0]![0]}, ${literal(units)}${rest})`, weightAndBias(bias));
  },
  conv2d,
  maxPool2d,
  avgPool2d,
  globalAvgPool2d: expression((x) => `${x}.mean(dim=(2, 3))`),
  resize,
  flatten: expression((x) => `torch.flatten(${x}, 1)`),
  batchNorm,
  noisyBatchNorm,
  groupNorm: (node) => {
    const { groups, eps, affine } = propsOf(node);
    const rest = named({ eps, affine }, { eps: 1e-5, affine: true });
    return call(`nn.GroupNorm(${literal(groups)}, ${node.inputShapes[0]![0]}${rest})`, gammaAndBeta(affine));
  },
  layerNorm: (node) => {
    const { eps, affine } = propsOf(node);
    const shape = [...node.inputShapes[0]!];
    // without gamma and beta it takes images of any size
    if (affine !== true && shape.length === 3) {
      return expression((x) => `F.layer_norm(${x}, ${x}.shape[1:]${named({ eps }, { eps: 1e-5 })})`)(node);
    }
    const rest = named({ eps, elementwise_affine: affine }, { eps: 1e-5, elementwise_affine: true });
    return call(`nn.LayerNorm(${literal(shape)}${rest})`, gammaAndBeta(affine));
  },
  dropout: (node) => {
    const { p, channel } = propsOf(node);
    return {
      ...call(`Dropout(${literal(p)}, ${literal(node.id)}${named({ channel }, { channel: false })})`),
      helper: 'dropout',
    };
  },
  sigmoid: expression((x) => `torch.sigmoid(${x})`),
  tanh: expression((x) => `torch.tanh(${x})`),
  relu: expression((x) => `F.relu(${x})`),
  leakyRelu: (node) => expression((x) => `F.leaky_relu(${x}, ${literal(propsOf(node)['slope'])})`)(node),
  elu: (node) => expression((x) => `F.elu(${x}${named({ alpha: propsOf(node)['alpha'] }, { alpha: 1 })})`)(node),
  selu: expression((x) => `F.selu(${x})`),
  gelu: (node) =>
    expression((x) => `F.gelu(${x}${named({ approximate: propsOf(node)['approximate'] }, { approximate: 'none' })})`)(
      node,
    ),
  silu: expression((x) => `F.silu(${x})`),
  softplus: expression((x) => `F.softplus(${x})`),
  hardSwish: expression((x) => `F.hardswish(${x})`),
  mish: expression((x) => `F.mish(${x})`),
  add: () => ({ forward: (_self, inputs) => inputs.join(' + ') }),
  concat: () => ({ forward: (_self, inputs) => `torch.cat((${inputs.join(', ')}), dim=1)` }),
};
