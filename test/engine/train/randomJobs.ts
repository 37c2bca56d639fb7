import fc from 'fast-check';
import type { AugmentationSettings } from '../../../engine/data/augment.ts';
import type { OptimizerSettings, ScheduleSettings } from '../../../engine/train/settings.ts';
import type { StageSettings } from '../../../engine/train/stages.ts';
import type { TrainingJob } from '../../../engine/worker/protocol.ts';
import { smallJob, stripes } from './jobs.ts';
import { frozenNodes, graphChoices, graphOf, type GraphChoices } from './randomGraph.ts';

interface StageChoices {
  readonly steps: number;
  /** null: as the data set has them. */
  readonly size: readonly [number, number] | null;
  /** Parts of a batch have so many images. */
  readonly images: number;
  readonly rate: number;
  readonly strength: number;
  /** So many blocks are frozen. */
  readonly frozen: number;
  readonly frozenBatchNorm: 'running' | 'batch';
}

/**
 * Choices that make a job; plain JSON, so that a counterexample can be printed, committed and sent to another process. What
 * comes first in a list is the simplest: counterexamples are shrunk to it.
 */
export interface JobChoices extends GraphChoices {
  /** None: a run of nine steps. */
  readonly stages: readonly StageChoices[];
  readonly channels: 1 | 3;
  readonly optimizer: OptimizerSettings['kind'];
  readonly momentum: boolean;
  readonly schedule: ScheduleSettings['kind'];
  readonly loss: TrainingJob['loss'];
  readonly clip: NonNullable<TrainingJob['gradient']>['clip'];
  readonly l1: number;
  readonly images: number;
  readonly accumulate: number;
  readonly preprocessing: TrainingJob['data']['preprocessing'];
  readonly augmentation: AugmentationSettings | null;
  readonly validation: boolean;
  readonly restoreBest: boolean;
  readonly recalibrate: number;
  readonly seed: number;
}

const classes = 3;
const [height, width] = [6, 5];

const amount = (value: number): fc.Arbitrary<number> => fc.constantFrom(0, 0, 0, value);
const augmentation = fc.record({
  shift: amount(2),
  flip: amount(0.5),
  rotation: amount(20),
  scale: amount(0.2),
  brightness: amount(0.2),
  contrast: amount(0.3),
  cutout: amount(0.4),
  mixup: amount(0.4),
});

const stage: fc.Arbitrary<StageChoices> = fc.record({
  steps: fc.integer({ min: 1, max: 4 }),
  size: fc.constantFrom(null, [4, 4], [8, 7], [3, 9], [6, 5]),
  images: fc.integer({ min: 2, max: 6 }),
  rate: fc.constantFrom(1, 0.5, 2),
  strength: fc.constantFrom(1, 0, 0.5),
  frozen: fc.constantFrom(0, 0, 1, 2),
  frozenBatchNorm: fc.constantFrom('running', 'batch'),
});

export const jobChoices: fc.Arbitrary<JobChoices> = fc
  .tuple(
    graphChoices,
    fc.record({
      stages: fc.array(stage, { maxLength: 3 }),
      channels: fc.constantFrom<1 | 3>(1, 3),
      optimizer: fc.constantFrom('sgd', 'adam', 'rmsprop', 'adagrad', 'adamax', 'nadam'),
      momentum: fc.boolean(),
      schedule: fc.constantFrom(
        'constant',
        'step',
        'multiStep',
        'exponential',
        'polynomial',
        'cosine',
        'warmRestarts',
        'warmupCosine',
        'oneCycle',
        'reduceOnPlateau',
      ),
      loss: fc.constantFrom<TrainingJob['loss']>(
        { kind: 'crossEntropy', labelSmoothing: 0 },
        { kind: 'crossEntropy', labelSmoothing: 0.1, classWeight: [0.5, 1, 2] },
        { kind: 'mse' },
        { kind: 'mae' },
        { kind: 'binaryCrossEntropy' },
        { kind: 'huber', delta: 0.5 },
        { kind: 'hinge', p: 1, margin: 1 },
        { kind: 'hinge', p: 2, margin: 0.5 },
      ),
      clip: fc.constantFrom(null, { norm: 0.5 }, { value: 0.1 }),
      l1: fc.constantFrom(0, 0, 1e-3),
      images: fc.integer({ min: 2, max: 6 }),
      accumulate: fc.constantFrom(1, 1, 2, 3),
      preprocessing: fc.constantFrom(
        'unit',
        'raw',
        'standardise',
        'standardiseFeatures',
        'pcaWhitening',
        'zcaWhitening',
      ),
      augmentation: fc.option(augmentation, { nil: null }),
      validation: fc.boolean(),
      restoreBest: fc.boolean(),
      recalibrate: fc.constantFrom(0, 0, 2),
      seed: fc.nat(),
    }),
  )
  .map(([graph, rest]) => ({ ...graph, ...rest }));

export interface JobOptions {
  /**
   * For runs that are compared by values, not by bits. Adam and its kin make whole steps of gradients that are nothing but
   * rounding, and a batch norm the deviation of a channel that hardly varies: with a larger eps rounding stays what it is. There is no
   * L1 penalty either: a bias in front of a batch norm is rounding about 0, and the penalty takes its sign.
   */
  readonly gentle?: boolean;
}

/** Small enough that a test trains it many times. */
export function jobOf(choices: JobChoices, { gentle = false }: JobOptions = {}): TrainingJob {
  const { accumulate, channels, preprocessing, seed } = choices;
  const graph = graphOf(choices, classes, gentle ? 1e-2 : null);
  const imageShape = [channels, height, width] as const;
  const validation = choices.validation || choices.schedule === 'reduceOnPlateau';
  const stages = choices.stages.map(
    ({ steps, size, images, rate, strength, frozen, frozenBatchNorm }): StageSettings => ({
      length: { steps },
      imageSize: size,
      batchSize: images * accumulate,
      learningRateFactor: rate,
      augmentationStrength: strength,
      frozen: frozenNodes(graph, frozen),
      frozenBatchNorm,
    }),
  );
  // pixels up to 255 instead of 1 make gradients as much larger
  const learningRate = preprocessing === 'raw' ? 1e-5 : 0.01;
  return smallJob(
    {
      graph,
      batchSize: choices.images * accumulate,
      accumulate,
      length: { steps: 9 },
      stages,
      evaluateEvery: { steps: 3 },
      loss: choices.loss,
      optimizer: optimizerOf(choices, learningRate, gentle),
      gradient: { clip: choices.clip, l1: gentle ? 0 : choices.l1 },
      schedule: scheduleOf(choices.schedule),
      earlyStopping: validation
        ? { metric: 'validation.loss', patience: 3, minDelta: 0, restoreBest: choices.restoreBest }
        : null,
      recalibrateBatchNorm: choices.recalibrate,
      seed,
    },
    {
      train: stripes(90, imageShape, classes),
      test: stripes(31, imageShape, classes, 2),
      imageShape,
      validation: validation ? 22 : 0,
      preprocessing,
      augmentation: choices.augmentation,
    },
  );
}

function optimizerOf(
  { optimizer: kind, momentum }: JobChoices,
  learningRate: number,
  gentle: boolean,
): OptimizerSettings {
  const common = { learningRate, weightDecay: 1e-4 };
  const moments = { ...common, beta1: 0.9, beta2: 0.99, eps: gentle ? 0.1 : 1e-8 };
  const eps = gentle ? 1 : 1e-8;
  switch (kind) {
    case 'sgd':
      return { kind, ...common, momentum: momentum ? 0.9 : 0, dampening: 0, nesterov: momentum };
    case 'adam':
      return { kind, ...moments, decoupled: momentum };
    case 'rmsprop':
      return { kind, ...common, alpha: 0.9, eps, momentum: momentum ? 0.5 : 0, centered: momentum };
    case 'adagrad':
      return { kind, ...common, learningRateDecay: 0.1, initialAccumulator: 0.1, eps };
    case 'adamax':
      return { kind, ...moments };
    case 'nadam':
      return { kind, ...moments, momentumDecay: 0.004 };
  }
}

function scheduleOf(kind: JobChoices['schedule']): ScheduleSettings {
  switch (kind) {
    case 'constant':
      return { kind };
    case 'step':
      return { kind, stepSize: 2, gamma: 0.7 };
    case 'multiStep':
      return { kind, milestones: [1, 4], gamma: 0.5 };
    case 'exponential':
      return { kind, gamma: 0.9 };
    case 'polynomial':
      return { kind, power: 2, steps: null };
    case 'cosine':
      return { kind, steps: null, finalFactor: 0.1 };
    case 'warmRestarts':
      return { kind, period: 2, periodFactor: 2, finalFactor: 0.01 };
    case 'warmupCosine':
      return { kind, warmupSteps: 2, startFactor: 0.1, finalFactor: 0, steps: null };
    case 'oneCycle':
      return {
        kind,
        risePart: 0.3,
        anneal: 'cosine',
        divFactor: 25,
        finalDivFactor: 100,
        threePhase: false,
        steps: null,
      };
    case 'reduceOnPlateau':
      return {
        kind,
        metric: 'validation.loss',
        factor: 0.5,
        patience: 0,
        threshold: 0.01,
        thresholdMode: 'relative',
        cooldown: 0,
        minimumFactor: 0,
      };
  }
}
