import type { GraphDocument, NodeDocument } from '../engine/graph/document.ts';
import { withBatchNorm } from '../engine/graph/transforms.ts';
import type { OptimizerSettings } from '../engine/train/settings.ts';

/** A training step whose speed is measured, on random images. */
export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly document: GraphDocument;
  /** [C, H, W] */
  readonly inputShape: readonly [number, number, number];
  readonly classes: number;
  readonly batch: number;
  readonly optimizer: OptimizerSettings;
  /** Small enough for the reference backend. */
  readonly tiny?: boolean;
}

const sgd: OptimizerSettings = {
  kind: 'sgd',
  learningRate: 0.1,
  momentum: 0,
  dampening: 0,
  nesterov: false,
  weightDecay: 0,
};
const adam: OptimizerSettings = {
  kind: 'adam',
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0,
  decoupled: false,
};

function mlp(widths: readonly number[]): GraphDocument {
  const hidden = widths.flatMap((units, i): NodeDocument[] => [
    { id: `dense${i + 1}`, layer: 'dense', props: { units, weightInit: { kind: 'normal', std: 0.1 } } },
    { id: `sigmoid${i + 1}`, layer: 'sigmoid' },
  ]);
  return {
    nodes: [
      { id: 'input', layer: 'input' },
      { id: 'flatten', layer: 'flatten' },
      ...hidden,
      { id: 'logits', layer: 'dense', props: { units: 10 } },
    ],
  };
}

/** Two blocks of two 3x3 convolutions with batch norm, ReLU and pooling, then a dense layer with dropout. */
function cnn(filters: readonly [number, number], units: number): GraphDocument {
  const conv = (id: string, count: number): NodeDocument[] => [
    { id, layer: 'conv2d', props: { filters: count, padding: 'same', bias: false } },
    { id: `${id}_bn`, layer: 'batchNorm' },
    { id: `${id}_relu`, layer: 'relu' },
  ];
  return {
    nodes: [
      { id: 'input', layer: 'input' },
      ...conv('conv1', filters[0]),
      ...conv('conv2', filters[0]),
      { id: 'pool1', layer: 'maxPool2d' },
      ...conv('conv3', filters[1]),
      ...conv('conv4', filters[1]),
      { id: 'pool2', layer: 'maxPool2d' },
      { id: 'flatten', layer: 'flatten' },
      { id: 'dense', layer: 'dense', props: { units, bias: false } },
      { id: 'dense_bn', layer: 'batchNorm' },
      { id: 'dense_relu', layer: 'relu' },
      { id: 'dropout', layer: 'dropout', props: { p: 0.5 } },
      { id: 'logits', layer: 'dense', props: { units: 10 } },
    ],
  };
}

const image = { inputShape: [1, 28, 28], classes: 10 } as const;

export const workloads: readonly Workload[] = [
  {
    name: 'W1',
    title: 'MLP 784-100-100-100-10, sigmoid, batch 60, SGD',
    document: mlp([100, 100, 100]),
    ...image,
    batch: 60,
    optimizer: sgd,
  },
  {
    name: 'W1bn',
    title: 'W1 with batch norm before each sigmoid',
    document: withBatchNorm(mlp([100, 100, 100]), 'before'),
    ...image,
    batch: 60,
    optimizer: sgd,
  },
  {
    name: 'W2',
    title: 'CNN 28x28, conv 32-32-64-64 with batch norm, dense 128, dropout, batch 64, Adam',
    document: cnn([32, 64], 128),
    ...image,
    batch: 64,
    optimizer: adam,
  },
  {
    name: 'tiny',
    title: 'CNN 12x12, conv 4-4-8-8 with batch norm, dense 16, dropout, batch 8, Adam',
    document: cnn([4, 8], 16),
    inputShape: [1, 12, 12],
    classes: 10,
    batch: 8,
    optimizer: adam,
    tiny: true,
  },
];
