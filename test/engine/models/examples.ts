import type { GraphDocument, NodeDocument } from '../../../engine/graph/document.ts';

/** Models that must always check, lower and verify; between them they use every layer. */

const hidden = (n: number, activation: NodeDocument['layer']): NodeDocument[] => [
  { id: `dense${n}`, layer: 'dense', props: { units: 100, weightInit: { kind: 'normal', std: 0.1 } } },
  { id: `act${n}`, layer: activation },
];

/** 784-100-100-100-10, as in the batch normalisation paper. */
export const mlp: GraphDocument = {
  nodes: [
    { id: 'input', layer: 'input' },
    { id: 'flatten', layer: 'flatten' },
    ...hidden(1, 'sigmoid'),
    ...hidden(2, 'sigmoid'),
    ...hidden(3, 'sigmoid'),
    { id: 'dense4', layer: 'dense', props: { units: 10 } },
  ],
};

export const leNet: GraphDocument = {
  nodes: [
    { id: 'input', layer: 'input' },
    { id: 'conv1', layer: 'conv2d', props: { filters: 6, kernel: 5, padding: 'same' } },
    { id: 'tanh1', layer: 'tanh' },
    { id: 'pool1', layer: 'avgPool2d' },
    { id: 'conv2', layer: 'conv2d', props: { filters: 16, kernel: 5 } },
    { id: 'tanh2', layer: 'tanh' },
    { id: 'pool2', layer: 'avgPool2d' },
    { id: 'flatten', layer: 'flatten' },
    { id: 'dense1', layer: 'dense', props: { units: 120 } },
    { id: 'tanh3', layer: 'tanh' },
    { id: 'dense2', layer: 'dense', props: { units: 84 } },
    { id: 'tanh4', layer: 'tanh' },
    { id: 'dense3', layer: 'dense', props: { units: 10 } },
  ],
};

const block = (n: number, filters: number): NodeDocument[] => [
  { id: `conv${n}`, layer: 'conv2d', props: { filters, padding: 'same', bias: false } },
  { id: `bn${n}`, layer: 'batchNorm' },
  { id: `relu${n}`, layer: 'relu' },
];

export const vgg: GraphDocument = {
  nodes: [
    { id: 'input', layer: 'input' },
    ...block(1, 32),
    ...block(2, 32),
    { id: 'pool1', layer: 'maxPool2d' },
    ...block(3, 64),
    ...block(4, 64),
    { id: 'pool2', layer: 'maxPool2d' },
    { id: 'flatten', layer: 'flatten' },
    { id: 'dense1', layer: 'dense', props: { units: 128 } },
    { id: 'relu5', layer: 'relu' },
    { id: 'dropout1', layer: 'dropout', props: { p: 0.5 } },
    { id: 'dense2', layer: 'dense', props: { units: 10 } },
  ],
};

export const residual: GraphDocument = {
  nodes: [
    { id: 'input', layer: 'input' },
    { id: 'stem', layer: 'conv2d', props: { filters: 8, padding: 'same', bias: false } },
    { id: 'stemNorm', layer: 'batchNorm' },
    { id: 'stemRelu', layer: 'relu' },
    { id: 'a1', layer: 'conv2d', props: { filters: 8, padding: 'same' } },
    { id: 'a1Relu', layer: 'leakyRelu', props: { slope: 0.1 } },
    { id: 'a2', layer: 'conv2d', props: { filters: 8, padding: 'same' } },
    { id: 'aSum', layer: 'add', inputs: ['a2', 'stemRelu'] },
    { id: 'aRelu', layer: 'gelu' },
    { id: 'b1', layer: 'conv2d', props: { filters: 16, padding: 'explicit', pads: 1, stride: 2, groups: 2 } },
    { id: 'shortcut', layer: 'conv2d', inputs: ['aRelu'], props: { filters: 16, kernel: 1, stride: 2 } },
    { id: 'bSum', layer: 'add', inputs: ['b1', 'shortcut', 'b1'] },
    { id: 'drop', layer: 'dropout', props: { p: 0.25, channel: true } },
    { id: 'gap', layer: 'globalAvgPool2d' },
    { id: 'logits', layer: 'dense', props: { units: 10 } },
  ],
};

export const branches: GraphDocument = {
  nodes: [
    { id: 'input', layer: 'input' },
    { id: 'inputNorm', layer: 'batchNorm', props: { momentum: null, affine: false } },
    {
      id: 'wide',
      layer: 'conv2d',
      inputs: ['inputNorm'],
      props: { filters: 4, kernel: 3, dilation: 2, padding: 'same' },
    },
    { id: 'narrow', layer: 'conv2d', inputs: ['inputNorm'], props: { filters: 4, kernel: [1, 2], padding: 'same' } },
    { id: 'join', layer: 'concat', inputs: ['wide', 'narrow', 'inputNorm'] },
    { id: 'joinNorm', layer: 'batchNorm' },
    {
      id: 'pool',
      layer: 'avgPool2d',
      props: { kernel: 3, stride: 2, padding: 'explicit', pads: 1, countIncludePad: false },
    },
    { id: 'sigmoid', layer: 'sigmoid' },
    { id: 'gap', layer: 'globalAvgPool2d' },
    { id: 'logits', layer: 'dense', props: { units: 10, weightInit: 'glorot' } },
  ],
};

/** Trains on smaller images than it is given, and normalises each by itself. */
export const small: GraphDocument = {
  nodes: [
    { id: 'input', layer: 'input' },
    { id: 'shrink', layer: 'resize', props: { size: [15, 13] } },
    { id: 'conv1', layer: 'conv2d', props: { filters: 6, padding: 'same' } },
    { id: 'norm1', layer: 'groupNorm', props: { groups: 3 } },
    { id: 'noisy', layer: 'noisyBatchNorm' },
    { id: 'relu1', layer: 'relu' },
    { id: 'pool1', layer: 'maxPool2d', props: { ceilMode: true } },
    { id: 'norm2', layer: 'layerNorm' },
    { id: 'pool2', layer: 'avgPool2d', props: { ceilMode: true } },
    { id: 'grow', layer: 'resize', props: { size: 5, mode: 'area' } },
    { id: 'flatten', layer: 'flatten' },
    { id: 'norm3', layer: 'layerNorm', props: { affine: false, eps: 1e-3 } },
    { id: 'logits', layer: 'dense', props: { units: 10 } },
  ],
};

export const examples = { mlp, leNet, vgg, residual, branches, small };
export const image = [1, 28, 28] as const;
export const classes = 10;
