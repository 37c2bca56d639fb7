import type { GraphDocument, NodeDocument } from '../../../engine/graph/document.ts';
import { layerNames, type LayerName } from '../../../engine/layers/layerName.ts';
import { templates } from '../../../lab/architectures/index.ts';
import { effectiveGraph } from '../../../lab/spec/resolve.ts';
import { examples } from '../../engine/models/examples.ts';
import type { Trial } from './forward.ts';

/** An image goes through a layer, then a dense layer over all of it. */
const onImage = (layer: NodeDocument['layer'], props: object, more: readonly NodeDocument[] = []): GraphDocument => ({
  nodes: [
    { id: 'in', layer: 'input' },
    { id: 'it', layer, props: { ...props } },
    ...more,
    { id: 'flat', layer: 'flatten' },
    { id: 'out', layer: 'dense', props: { units: 3 } },
  ],
});
const onFeatures = (layer: NodeDocument['layer'], props: object = {}): GraphDocument => ({
  nodes: [
    { id: 'in', layer: 'input' },
    { id: 'flat', layer: 'flatten' },
    { id: 'wide', layer: 'dense', props: { units: 12 } },
    { id: 'it', layer, props: { ...props } },
    { id: 'out', layer: 'dense', props: { units: 3 } },
  ],
});

const explicit = { padding: 'explicit', pads: [1, 0, 0, 1] };
const single: readonly [string, NodeDocument['layer'], object][] = [
  ['plain convolution', 'conv2d', { filters: 5 }],
  ['strided convolution without bias', 'conv2d', { filters: 4, kernel: [3, 2], stride: [2, 1], bias: false }],
  ['same padding of an even kernel', 'conv2d', { filters: 4, kernel: [4, 2], padding: 'same' }],
  ['lopsided padding', 'conv2d', { filters: 4, ...explicit }],
  ['dilation', 'conv2d', { filters: 4, dilation: [2, 3], padding: 'same' }],
  ['groups', 'conv2d', { filters: 8, groups: 2 }],
  ['depthwise', 'conv2d', { filters: 4, groups: 4, padding: 'same' }],
  ['max pooling', 'maxPool2d', {}],
  ['overlapping max pooling with padding', 'maxPool2d', { kernel: 3, stride: 2, padding: 'same' }],
  ['lopsided max pooling', 'maxPool2d', { kernel: [3, 2], stride: 2, ...explicit }],
  ['max pooling rounded up', 'maxPool2d', { kernel: 3, stride: 2, ceilMode: true }],
  ['max pooling rounded up with padding', 'maxPool2d', { kernel: 3, stride: 3, padding: 'same', ceilMode: true }],
  ['average pooling', 'avgPool2d', {}],
  ['average pooling that counts padding', 'avgPool2d', { kernel: 3, stride: 2, padding: 'same' }],
  [
    'average pooling without padding in it',
    'avgPool2d',
    { kernel: 3, stride: 2, padding: 'same', countIncludePad: false },
  ],
  ['average pooling rounded up', 'avgPool2d', { kernel: 3, stride: 2, ceilMode: true }],
  [
    'average pooling rounded up, counting padding',
    'avgPool2d',
    { kernel: 3, stride: 3, padding: 'same', ceilMode: true },
  ],
  ['average pooling rounded up, lopsided', 'avgPool2d', { kernel: 3, stride: 2, ...explicit, ceilMode: true }],
  ['nearest, by a power of two', 'resize', { size: [20, 4], mode: 'nearest' }],
  ['nearest', 'resize', { size: [3, 7], mode: 'nearest' }],
  ['nearest where a float would slip', 'resize', { size: [30, 6], mode: 'nearest' }],
  ['bilinear, smaller', 'resize', { size: [7, 5], mode: 'bilinear' }],
  ['bilinear, larger', 'resize', { size: [13, 19], mode: 'bilinear' }],
  ['antialiased, smaller', 'resize', { size: [4, 3], mode: 'bilinearAntialias' }],
  ['antialiased, larger', 'resize', { size: [15, 11], mode: 'bilinearAntialias' }],
  ['area, whole parts', 'resize', { size: [5, 4], mode: 'area' }],
  ['area', 'resize', { size: [4, 3], mode: 'area' }],
  ['batch norm', 'batchNorm', { eps: 1e-3 }],
  ['cumulative batch norm without gamma', 'batchNorm', { momentum: null, affine: false }],
  ['noisy batch norm', 'noisyBatchNorm', {}],
  ['group norm', 'groupNorm', { groups: 2 }],
  ['group norm without gamma', 'groupNorm', { groups: 4, affine: false }],
  ['layer norm', 'layerNorm', {}],
  ['layer norm without gamma', 'layerNorm', { affine: false, eps: 1e-3 }],
  ['dropout of channels', 'dropout', { p: 0.3, channel: true }],
  ['leaky ReLU', 'leakyRelu', { slope: 0.2 }],
  ['ELU', 'elu', { alpha: 1.3 }],
  ['GELU by tanh', 'gelu', { approximate: 'tanh' }],
  ...(['sigmoid', 'tanh', 'relu', 'selu', 'gelu', 'silu', 'softplus', 'hardSwish', 'mish'] as const).map(
    (layer) => [layer, layer, {}] as [string, LayerName, object],
  ),
];

const features: readonly [string, NodeDocument['layer'], object][] = [
  ['batch norm of features', 'batchNorm', {}],
  ['noisy batch norm of features', 'noisyBatchNorm', { affine: false }],
  ['group norm of features', 'groupNorm', { groups: 3 }],
  ['layer norm of features', 'layerNorm', {}],
  ['dropout of features', 'dropout', { p: 0.5 }],
  ['dense without bias', 'dense', { units: 7, bias: false }],
  ['flatten of features', 'flatten', {}],
];

const shape = [4, 10, 8] as const;
const image = [1, 28, 28] as const;

/** Every layer in every form that is exported in another way, and whole networks. */
export const trials: readonly Trial[] = [
  ...single.map(([name, layer, props]) => ({ name, graph: onImage(layer, props), inputShape: shape, classes: 3 })),
  ...features.map(([name, layer, props]) => ({ name, graph: onFeatures(layer, props), inputShape: shape, classes: 3 })),
  {
    name: 'branches that are added and joined',
    graph: {
      nodes: [
        { id: 'in', layer: 'input' },
        { id: 'a', layer: 'conv2d', props: { filters: 4, padding: 'same' } },
        { id: 'b', layer: 'conv2d', inputs: ['in'], props: { filters: 4, kernel: 1 } },
        { id: 'sum2', layer: 'add', inputs: ['a', 'b'] },
        { id: 'sum3', layer: 'add', inputs: ['a', 'sum2', 'in'] },
        { id: 'join', layer: 'concat', inputs: ['sum3', 'in', 'a'] },
        { id: 'pool', layer: 'globalAvgPool2d' },
        { id: 'fa', layer: 'dense', props: { units: 5 } },
        { id: 'fb', layer: 'dense', inputs: ['pool'], props: { units: 6 } },
        { id: 'joined', layer: 'concat', inputs: ['fa', 'fb'] },
        { id: 'out', layer: 'dense', props: { units: 3 } },
      ],
    },
    inputShape: shape,
    classes: 3,
  },
  {
    name: 'names with dots and an output that is an activation',
    graph: {
      nodes: [
        { id: 'a', layer: 'input' },
        { id: 'a.weight', layer: 'flatten' },
        { id: 'größe-1', layer: 'dense', props: { units: 3 } },
        { id: 'input', layer: 'sigmoid' },
      ],
    },
    inputShape: shape,
    classes: 3,
  },
  ...Object.entries(examples).map(([name, graph]) => ({ name, graph, inputShape: image, classes: 10 })),
  ...templates.map(({ id, spec }) => ({ name: id, graph: effectiveGraph(spec.model), inputShape: image, classes: 10 })),
];

/** Layers that no trial holds: the list must stay empty. */
export const untried = layerNames.filter(
  (name) => !trials.some(({ graph }) => graph.nodes.some(({ layer }) => layer === name)),
);
