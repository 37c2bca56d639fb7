import type { GraphDocument } from '../../../engine/graph/document.ts';
import type { DatasetRecord } from '../../../lab/contract/records.ts';
import { specSchema, type Spec, type SpecInput } from '../../../lab/spec/schema.ts';
import { mnist } from '../../component/fakeLab.ts';
import { stripes } from '../../engine/train/jobs.ts';

export const shape = [2, 9, 8] as const;
/** Whitening by PCA needs more images than values of one: directions without variance are not determined. */
export const [trainCount, testCount] = [300, 40];
export const data: DatasetRecord = {
  ...mnist,
  id: 'stripes',
  title: 'Stripes',
  imageShape: [...shape],
  classes: ['a', 'b', 'c'],
  trainImages: trainCount,
  testImages: testCount,
};
export const [trainFile, testFile] = [stripes(trainCount, shape, 3), stripes(testCount, shape, 3, 2)];

/**
 * Smooth throughout: a ReLU or a maximum near its kink may fall on either side in two correct programs. No bias in front of a batch
 * norm either: its gradient is rounding noise, which Adam turns into whole steps.
 */
const cnn: GraphDocument['nodes'] = [
  { id: 'image', layer: 'input' },
  {
    id: 'conv.1',
    layer: 'conv2d',
    props: { filters: 6, kernel: [4, 3], padding: 'same', bias: false, weightInit: 'glorot' },
  },
  { id: 'norm', layer: 'batchNorm', props: { momentum: null } },
  { id: 'gelu', layer: 'gelu' },
  { id: 'drop', layer: 'dropout', props: { p: 0.2, channel: true } },
  { id: 'deep', layer: 'conv2d', props: { filters: 6, groups: 3, padding: 'same', bias: false } },
  { id: 'noisy', layer: 'noisyBatchNorm' },
  { id: 'sum', layer: 'add', inputs: ['noisy', 'drop', 'gelu'] },
  { id: 'mish', layer: 'mish' },
  { id: 'pool', layer: 'avgPool2d', props: { kernel: 3, stride: 2, ceilMode: true, padding: 'same' } },
  { id: 'small', layer: 'resize', props: { size: [4, 3] } },
  { id: 'join', layer: 'concat', inputs: ['small', 'small'] },
  { id: 'group', layer: 'groupNorm', props: { groups: 4 } },
  { id: 'flat', layer: 'flatten' },
  { id: 'class', layer: 'dense', props: { units: 7, weightInit: { kind: 'lecun', distribution: 'uniform' } } },
  { id: 'norm2', layer: 'layerNorm' },
  { id: 'silu', layer: 'silu' },
  { id: 'drop2', layer: 'dropout', props: { p: 0.5 } },
  { id: 'out', layer: 'dense', props: { units: 3, weightInit: { kind: 'normal', std: 0.2 } } },
];
export const mlp: GraphDocument['nodes'] = [
  { id: 'image', layer: 'input' },
  { id: 'flat', layer: 'flatten' },
  { id: 'd1', layer: 'dense', props: { units: 12, weightInit: { kind: 'uniform', bound: 0.2 } } },
  { id: 'act', layer: 'tanh' },
  { id: 'out', layer: 'dense', props: { units: 3 } },
];

/** For pixels up to 255: tanh must not saturate. */
const faint = mlp.map((node) =>
  node.id === 'd1' ? { ...node, props: { units: 12, weightInit: { kind: 'uniform', bound: 0.001 } } } : node,
);

/** Layers that can be done at any size, each in a form that PyTorch does not have for itself. */
const sizeless: GraphDocument['nodes'] = [
  { id: 'image', layer: 'input' },
  { id: 'conv', layer: 'conv2d', props: { filters: 5, padding: 'same', bias: false, weightInit: 'glorot' } },
  { id: 'norm', layer: 'batchNorm' },
  { id: 'act', layer: 'tanh' },
  {
    id: 'pool',
    layer: 'avgPool2d',
    props: { kernel: 3, stride: 2, padding: 'explicit', pads: [1, 0, 0, 1], ceilMode: true, countIncludePad: false },
  },
  { id: 'layer', layer: 'layerNorm', props: { affine: false } },
  {
    id: 'conv2',
    layer: 'conv2d',
    props: { filters: 6, padding: 'same', kernel: [2, 3], bias: false, weightInit: 'glorot' },
  },
  { id: 'noisy', layer: 'noisyBatchNorm', props: { momentum: 0.3 } },
  { id: 'silu', layer: 'silu' },
  { id: 'drop', layer: 'dropout', props: { p: 0.2 } },
  { id: 'near', layer: 'resize', props: { size: [3, 4], mode: 'nearest' } },
  { id: 'mean', layer: 'globalAvgPool2d' },
  { id: 'out', layer: 'dense', props: { units: 3 } },
];

const orthogonal: GraphDocument['nodes'] = [
  { id: 'image', layer: 'input' },
  { id: 'conv', layer: 'conv2d', props: { filters: 4, weightInit: { kind: 'orthogonal', gain: 1.3 } } },
  { id: 'act', layer: 'tanh' },
  { id: 'flat', layer: 'flatten' },
  { id: 'wide', layer: 'dense', props: { units: 11, weightInit: 'orthogonal' } },
  { id: 'act2', layer: 'tanh' },
  { id: 'wider', layer: 'dense', props: { units: 20, weightInit: 'orthogonal' } },
  { id: 'act3', layer: 'tanh' },
  { id: 'out', layer: 'dense', props: { units: 3 } },
];

const lsuv: GraphDocument['nodes'] = [
  { id: 'image', layer: 'input' },
  {
    id: 'conv',
    layer: 'conv2d',
    props: { filters: 4, kernel: [4, 3], padding: 'same', bias: false, weightInit: 'lsuv' },
  },
  { id: 'norm', layer: 'batchNorm' },
  { id: 'act', layer: 'tanh' },
  { id: 'drop', layer: 'dropout', props: { p: 0.3 } },
  { id: 'flat', layer: 'flatten' },
  { id: 'wide', layer: 'dense', props: { units: 11, weightInit: { kind: 'lsuv', tolerance: 0.001, iterations: 3 } } },
  { id: 'act2', layer: 'tanh' },
  { id: 'out', layer: 'dense', props: { units: 3, weightInit: 'lsuv' } },
];

type Training = SpecInput['training'];
const steps = 24;
export const base = { batchSize: 8, length: { steps }, evaluateEvery: { steps: 6 } } as const;
export const sgd = { kind: 'sgd', learningRate: 0.05 } as const;
/** The first layer learns from the second stage on, and the last one has a pause. */
const thaw = [
  { length: { steps: 8 }, frozen: ['d1'] },
  { length: { steps: 8 }, frozen: ['out'] },
  { length: { steps: 8 } },
];
const several = { ...base, optimizer: sgd } as const;

/** Name, layers, training, data: between them everything that a spec can say. */
export const runs: readonly [string, GraphDocument['nodes'], Training, Partial<SpecInput['data']>?][] = [
  [
    'a network of many layers',
    cnn,
    { ...base, optimizer: { kind: 'adam', learningRate: 0.005 } },
    { preprocessing: 'standardise' },
  ],
  ['momentum', mlp, { ...base, optimizer: { ...sgd, momentum: 0.9, dampening: 0.2, weightDecay: 0.01 } }],
  ['nesterov', mlp, { ...base, optimizer: { ...sgd, momentum: 0.9, nesterov: true }, clip: { norm: 0.5 } }],
  ['damped nesterov', mlp, { ...base, optimizer: { ...sgd, momentum: 0.9, nesterov: true, dampening: 0.3 } }],
  [
    'adamw',
    mlp,
    { ...base, optimizer: { kind: 'adam', decoupled: true, weightDecay: 0.1 }, schedule: { kind: 'cosine' } },
  ],
  [
    'adam without corrections',
    mlp,
    { ...base, optimizer: { kind: 'adam', biasCorrection: false }, clip: { value: 0.01 } },
  ],
  ['rmsprop', mlp, { ...base, optimizer: { kind: 'rmsprop', momentum: 0.5, centered: true, learningRate: 0.002 } }],
  [
    'adagrad',
    mlp,
    { ...base, optimizer: { kind: 'adagrad', learningRateDecay: 0.1, initialAccumulator: 0.1 }, l1: 0.01 },
  ],
  ['adamax', mlp, { ...base, optimizer: { kind: 'adamax' }, schedule: { kind: 'step', stepSize: 5, gamma: 0.5 } }],
  [
    'nadam',
    mlp,
    { ...base, optimizer: { kind: 'nadam' }, schedule: { kind: 'multiStep', milestones: [3, 11], gamma: 0.3 } },
  ],
  [
    'weighted classes',
    mlp,
    { ...base, optimizer: sgd, loss: { kind: 'crossEntropy', labelSmoothing: 0.1, classWeight: [1, 3, 0.5] } },
  ],
  ['mse', mlp, { ...base, optimizer: sgd, loss: { kind: 'mse' }, schedule: { kind: 'exponential', gamma: 0.9 } }],
  [
    'huber',
    mlp,
    { ...base, optimizer: sgd, loss: { kind: 'huber', delta: 0.5 }, schedule: { kind: 'polynomial', power: 2 } },
  ],
  [
    'bce',
    mlp,
    {
      ...base,
      optimizer: sgd,
      loss: { kind: 'binaryCrossEntropy' },
      schedule: { kind: 'warmupCosine', warmupSteps: 5 },
    },
  ],
  [
    'hinge',
    mlp,
    { ...base, optimizer: sgd, loss: { kind: 'hinge', p: 2, margin: 0.5 }, schedule: { kind: 'oneCycle' } },
  ],
  [
    'mae',
    mlp,
    {
      ...base,
      optimizer: sgd,
      loss: { kind: 'mae' },
      schedule: { kind: 'oneCycle', threePhase: true, anneal: 'linear' },
    },
  ],
  [
    'restarts',
    faint,
    {
      ...base,
      optimizer: { ...sgd, learningRate: 0.0005 },
      schedule: { kind: 'warmRestarts', period: 5, periodFactor: 2 },
    },
    { preprocessing: 'raw', trainImages: 40 },
  ],
  ['stratified', mlp, { ...base, optimizer: sgd }, { split: 'stratified', trainImages: 41 }],
  ['a fold', mlp, { ...base, optimizer: sgd }, { folds: { count: 4, fold: 3 } }],
  [
    'a stratified fold',
    mlp,
    { ...base, optimizer: sgd },
    { folds: { count: 4, fold: 1 }, split: 'stratified', trainImages: 50 },
  ],
  [
    'plateau and early stopping',
    mlp,
    {
      ...base,
      evaluateEvery: { steps: 2 },
      optimizer: { ...sgd, learningRate: 0.8 },
      schedule: { kind: 'reduceOnPlateau', patience: 1, factor: 0.5, threshold: 0.05 },
      earlyStopping: { metric: 'validation.accuracy', patience: 4, restoreBest: true },
    },
  ],
  ['features', mlp, { ...base, optimizer: sgd }, { preprocessing: 'standardiseFeatures' }],
  ['pca', mlp, { ...base, optimizer: sgd }, { preprocessing: 'pcaWhitening', whiteningEps: 0.001 }],
  ['zca', mlp, { ...base, optimizer: sgd }, { preprocessing: 'zcaWhitening', trainImages: 60 }],
  ['moves and mirrors', mlp, several, { augmentation: { shift: 2, flip: 0.5 } }],
  ['turns and zooms', mlp, several, { augmentation: { rotation: 40, scale: 0.3 } }],
  ['mirrors alone', mlp, several, { augmentation: { flip: 0.4 }, trainImages: 40 }],
  ['zooms alone', mlp, several, { augmentation: { scale: 0.3 } }],
  ['light', mlp, several, { augmentation: { brightness: 0.3, contrast: 0.5 } }],
  ['brightness', mlp, several, { augmentation: { brightness: 0.4 }, preprocessing: 'standardise' }],
  ['cutout', mlp, several, { augmentation: { cutout: 0.4, contrast: 0.2 }, preprocessing: 'zcaWhitening' }],
  [
    'mixup of weighted and smoothed classes',
    mlp,
    { ...base, optimizer: sgd, loss: { kind: 'crossEntropy', labelSmoothing: 0.1, classWeight: [1, 3, 0.5] } },
    { augmentation: { mixup: 0.3 } },
  ],
  [
    'mixup near 0',
    mlp,
    { ...base, optimizer: sgd, loss: { kind: 'mse' } },
    { augmentation: { mixup: 0.002, flip: 0.5 } },
  ],
  [
    'a batch in parts',
    cnn,
    { ...base, accumulate: 2, optimizer: { ...sgd, momentum: 0.9, weightDecay: 0.01 }, clip: { norm: 0.3 }, l1: 0.001 },
    { augmentation: { mixup: 1 } },
  ],
  [
    'weighted classes in parts',
    mlp,
    { ...base, accumulate: 4, optimizer: sgd, loss: { kind: 'crossEntropy', classWeight: [1, 3, 0.5] } },
  ],
  ['orthogonal weights', orthogonal, { ...base, optimizer: sgd }],
  [
    'LSUV with draws and parts',
    lsuv,
    { ...base, accumulate: 2, optimizer: sgd },
    { augmentation: { mixup: 0.5, rotation: 30, cutout: 0.3 } },
  ],
  [
    'progressive resizing',
    sizeless,
    {
      ...base,
      evaluateEvery: { epochs: 0.3 },
      optimizer: { ...sgd, momentum: 0.9 },
      schedule: { kind: 'cosine' },
      stages: [
        { length: { steps: 9 }, imageSize: 6, augmentationStrength: 0 },
        {
          length: { epochs: 0.5 },
          imageSize: [12, 10],
          batchSize: 12,
          learningRateFactor: 0.5,
          augmentationStrength: 0.5,
        },
        { length: { steps: 8 } },
      ],
    },
    {
      preprocessing: 'zcaWhitening',
      augmentation: {
        shift: 1,
        flip: 0.5,
        rotation: 20,
        scale: 0.2,
        cutout: 0.3,
        mixup: 0.4,
        brightness: 0.1,
        contrast: 0.1,
      },
    },
  ],
  [
    'two sizes',
    [
      ...sizeless.slice(0, 4),
      { id: 'mean', layer: 'globalAvgPool2d' },
      { id: 'out', layer: 'dense', props: { units: 3 } },
    ],
    {
      ...base,
      optimizer: sgd,
      stages: [
        { length: { steps: 8 }, imageSize: 5 },
        { length: { steps: 8 }, imageSize: [11, 9] },
      ],
    },
    { preprocessing: 'zcaWhitening' },
  ],
  [
    'one size throughout',
    mlp,
    { ...base, optimizer: sgd, stages: [{ length: { steps: 20 }, imageSize: [5, 4] }] },
    { preprocessing: 'pcaWhitening' },
  ],
  [
    'frozen layers with running statistics',
    sizeless,
    {
      ...base,
      evaluateEvery: { steps: 7 },
      optimizer: { kind: 'rmsprop', learningRate: 0.002, weightDecay: 0.01 },
      clip: { norm: 0.4 },
      l1: 0.001,
      stages: [
        { length: { steps: 8 } },
        { length: { steps: 8 }, frozen: ['conv', 'norm', 'act', 'noisy'] },
        { length: { steps: 12 }, frozen: ['conv2'], learningRateFactor: 0.3 },
      ],
    },
  ],
  [
    'frozen layers with statistics of the batch',
    sizeless,
    {
      ...base,
      optimizer: { ...sgd, momentum: 0.9, weightDecay: 0.01 },
      stages: [
        { length: { steps: 12 }, frozen: ['conv', 'norm', 'noisy'], frozenBatchNorm: 'batch' },
        { length: { steps: 12 } },
      ],
    },
  ],
  ['thawed under Adam', mlp, { ...base, optimizer: { kind: 'adam', weightDecay: 0.01 }, stages: thaw }],
  ['thawed under NAdam', mlp, { ...base, optimizer: { kind: 'nadam' }, stages: thaw }],
  ['thawed under Adamax', mlp, { ...base, optimizer: { kind: 'adamax' }, stages: thaw }],
  ['thawed under Adagrad', mlp, { ...base, optimizer: { kind: 'adagrad', learningRateDecay: 0.2 }, stages: thaw }],
  ['thawed with damped momentum', mlp, { ...base, optimizer: { ...sgd, momentum: 0.9, dampening: 0.5 }, stages: thaw }],
  [
    'thawed with damped Nesterov momentum',
    mlp,
    { ...base, optimizer: { ...sgd, momentum: 0.9, dampening: 0.5, nesterov: true }, stages: thaw },
  ],
  [
    'the best model of several sizes, recalibrated',
    sizeless,
    {
      ...base,
      accumulate: 2,
      evaluateEvery: { steps: 3 },
      optimizer: { ...sgd, learningRate: 0.3 },
      recalibrateBatchNorm: 3,
      earlyStopping: { metric: 'validation.loss', patience: 4, minDelta: 0.1, restoreBest: true },
      stages: [
        { length: { steps: 12 }, imageSize: 7 },
        { length: { steps: 30 }, learningRateFactor: 2, frozen: ['norm'] },
      ],
    },
    { augmentation: { flip: 0.5, mixup: 0.3 } },
  ],
  ['recalibrated', cnn, { ...base, optimizer: sgd, recalibrateBatchNorm: 4 }, { augmentation: { shift: 1 } }],
];

export const specOf = (
  nodes: GraphDocument['nodes'],
  training: Training,
  more: Partial<SpecInput['data']> = {},
): Spec =>
  specSchema.parse({
    ablate: 1,
    data: { dataset: data.id, validation: 30, ...more },
    model: { nodes },
    training,
    seed: 4294967299,
  });
