import { checkGraph, type CheckedGraph } from '../engine/graph/check.ts';
import { costOf } from '../engine/graph/cost.ts';
import type { GraphDocument, NodeDocument } from '../engine/graph/document.ts';
import { withBatchNorm } from '../engine/graph/transforms.ts';
import type { OptimizerSettings } from '../engine/train/settings.ts';

/** A training or inference step whose speed is measured, on random images. */
export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly document: GraphDocument;
  /** [C, H, W] */
  readonly inputShape: readonly [number, number, number];
  readonly classes: number;
  readonly batch: number;
  readonly optimizer: OptimizerSettings;
  /** 'infer': forward pass with running statistics, and the loss. */
  readonly mode: 'train' | 'infer';
  /** Small enough for the reference backend; measured only when asked for by name. */
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

function conv(id: string, filters: number, stride = 1): NodeDocument[] {
  return [
    { id, layer: 'conv2d', props: { filters, padding: 'same', bias: false, stride: [stride, stride] } },
    { id: `${id}_bn`, layer: 'batchNorm' },
  ];
}

const convRelu = (id: string, filters: number, stride = 1): NodeDocument[] => [
  ...conv(id, filters, stride),
  { id: `${id}_relu`, layer: 'relu' },
];

/** Two blocks of two 3x3 convolutions with batch norm and ReLU, the first with pooling. */
function convolutions(filters: readonly [number, number]): NodeDocument[] {
  return [
    { id: 'input', layer: 'input' },
    ...convRelu('conv1', filters[0]),
    ...convRelu('conv2', filters[0]),
    { id: 'pool1', layer: 'maxPool2d' },
    ...convRelu('conv3', filters[1]),
    ...convRelu('conv4', filters[1]),
  ];
}

function cnn(filters: readonly [number, number], units: number): GraphDocument {
  return {
    nodes: [
      ...convolutions(filters),
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

function globalPooling(filters: readonly [number, number]): GraphDocument {
  return {
    nodes: [
      ...convolutions(filters),
      { id: 'pool2', layer: 'globalAvgPool2d' },
      { id: 'logits', layer: 'dense', props: { units: 10 } },
    ],
  };
}

/** Residual stages (He et al. 2015) of one block each; the later ones halve the image and double the filters. */
function residual(stages: readonly number[]): GraphDocument {
  const nodes: NodeDocument[] = [{ id: 'input', layer: 'input' }, ...convRelu('conv', stages[0]!)];
  stages.forEach((filters, i) => {
    const from = nodes.at(-1)!.id;
    const stage = `stage${i + 1}`;
    const stride = i === 0 ? 1 : 2;
    nodes.push(...convRelu(`${stage}_a`, filters, stride), ...conv(`${stage}_b`, filters));
    let shortcut = from;
    if (i > 0) {
      shortcut = `${stage}_projection_bn`;
      nodes.push(
        {
          id: `${stage}_projection`,
          layer: 'conv2d',
          inputs: [from],
          props: { filters, kernel: [1, 1], stride: [stride, stride], bias: false },
        },
        { id: shortcut, layer: 'batchNorm' },
      );
    }
    nodes.push(
      { id: `${stage}_add`, layer: 'add', inputs: [`${stage}_b_bn`, shortcut] },
      { id: `${stage}_relu`, layer: 'relu' },
    );
  });
  nodes.push({ id: 'pool', layer: 'globalAvgPool2d' }, { id: 'logits', layer: 'dense', props: { units: 10 } });
  return { nodes };
}

const image = { inputShape: [1, 28, 28], classes: 10, mode: 'train' } as const;

const pooled = (size: number): Workload => ({
  name: `W4-${size}`,
  title: `Global-pooling CNN ${size}x${size}, conv 32-32-64-64 with batch norm, batch 64, Adam`,
  document: globalPooling([32, 64]),
  ...image,
  inputShape: [1, size, size],
  batch: 64,
  optimizer: adam,
});

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
    name: 'W3',
    title: 'Residual net 32x32x3, three stages of one block 16-32-64, batch 128, SGD with momentum',
    document: residual([16, 32, 64]),
    inputShape: [3, 32, 32],
    classes: 10,
    mode: 'train',
    batch: 128,
    optimizer: { ...sgd, learningRate: 0.05, momentum: 0.9, weightDecay: 5e-4 },
  },
  pooled(14),
  pooled(20),
  pooled(28),
  {
    name: 'W5',
    title: 'Inference of W2, batch 250',
    document: cnn([32, 64], 128),
    ...image,
    mode: 'infer',
    batch: 250,
    optimizer: adam,
  },
  {
    name: 'tiny',
    title: 'CNN 12x12, conv 4-4-8-8 with batch norm, dense 16, dropout, batch 8, Adam',
    document: cnn([4, 8], 16),
    ...image,
    inputShape: [1, 12, 12],
    batch: 8,
    optimizer: adam,
    tiny: true,
  },
];

export function checkWorkload({ name, document, inputShape, classes }: Workload): CheckedGraph {
  const checked = checkGraph(document, { inputShape, classes });
  if (!checked.ok) throw new Error(`${name}: ${checked.faults.map(({ message }) => message).join(' ')}`);
  return checked;
}

/** Floating-point operations of dense and convolution layers in one step, convolutions counted as they are defined. */
export function flopsOf(workload: Workload): number {
  const { batch, optimizer, mode } = workload;
  const { macsPerImage, trainingMacsPerImage } = costOf(checkWorkload(workload), { batchSize: batch, optimizer });
  return 2 * batch * (mode === 'train' ? trainingMacsPerImage : macsPerImage);
}

/** What another program needs to build the same network: nodes in order of their reading, defaults filled in. */
export interface PeerWorkload {
  readonly name: string;
  readonly nodes: readonly {
    readonly id: string;
    readonly layer: string;
    readonly inputs: readonly string[];
    readonly props: Readonly<Record<string, unknown>>;
    /** Of one image, [C, H, W] or [F]. */
    readonly inputShape: readonly number[];
    readonly outputShape: readonly number[];
  }[];
  readonly inputShape: readonly [number, number, number];
  readonly classes: number;
  readonly batch: number;
  readonly mode: 'train' | 'infer';
  readonly optimizer: OptimizerSettings;
}

export function forPeers(workload: Workload): PeerWorkload {
  const { name, inputShape, classes, batch, mode, optimizer } = workload;
  const nodes = checkWorkload(workload).nodes.map((node) => ({
    id: node.id,
    layer: node.layer,
    inputs: node.inputs,
    props: node.props,
    inputShape: node.inputShapes[0] ?? inputShape,
    outputShape: node.outputShape,
  }));
  return { name, nodes, inputShape, classes, batch, mode, optimizer };
}
