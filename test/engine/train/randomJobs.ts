import fc from 'fast-check';
import type { GraphDocument, NodeDocument } from '../../../engine/graph/document.ts';
import type { OptimizerSettings, ScheduleSettings } from '../../../engine/train/settings.ts';
import type { TrainingJob } from '../../../engine/worker/protocol.ts';
import { smallJob } from './jobs.ts';

/** Choices that make a job; plain JSON, so that a counterexample can be printed and sent to another process. */
export interface JobChoices {
  readonly blocks: readonly ('conv' | 'strided' | 'residual' | 'pool')[];
  readonly activation: 'relu' | 'tanh' | 'sigmoid' | 'gelu' | 'elu';
  readonly norm: 'none' | 'batchNorm' | 'cumulative' | 'noisyBatchNorm' | 'groupNorm' | 'layerNorm';
  readonly dropout: number;
  readonly init: 'he' | 'orthogonal' | 'lsuv';
  readonly filters: number;
  readonly optimizer: OptimizerSettings['kind'];
  readonly schedule: 'constant' | 'cosine' | 'reduceOnPlateau';
  readonly loss: TrainingJob['loss'];
  readonly clip: NonNullable<TrainingJob['gradient']>['clip'];
  readonly batchSize: number;
  readonly accumulate: number;
  readonly preprocessing: TrainingJob['data']['preprocessing'];
  readonly restoreBest: boolean;
  readonly seed: number;
}

export const jobChoices: fc.Arbitrary<JobChoices> = fc.record({
  blocks: fc.array(fc.constantFrom('conv', 'strided', 'residual', 'pool'), { maxLength: 3 }),
  activation: fc.constantFrom('relu', 'tanh', 'sigmoid', 'gelu', 'elu'),
  norm: fc.constantFrom('none', 'batchNorm', 'cumulative', 'noisyBatchNorm', 'groupNorm', 'layerNorm'),
  dropout: fc.constantFrom(0, 0.3),
  init: fc.constantFrom('he', 'orthogonal', 'lsuv'),
  filters: fc.integer({ min: 1, max: 9 }),
  optimizer: fc.constantFrom('sgd', 'adam', 'rmsprop', 'adagrad', 'adamax', 'nadam'),
  schedule: fc.constantFrom('constant', 'cosine', 'reduceOnPlateau'),
  loss: fc.constantFrom<TrainingJob['loss']>(
    { kind: 'crossEntropy', labelSmoothing: 0.1 },
    { kind: 'mse' },
    { kind: 'hinge', p: 1, margin: 1 },
  ),
  clip: fc.constantFrom(null, { norm: 0.5 }, { value: 0.1 }),
  batchSize: fc.integer({ min: 2, max: 6 }),
  accumulate: fc.constantFrom(1, 1, 2, 3),
  preprocessing: fc.constantFrom('unit', 'standardise'),
  restoreBest: fc.boolean(),
  seed: fc.nat(),
});

/** Small enough that a test trains it many times. */
export function jobOf(choices: JobChoices): TrainingJob {
  return smallJob(
    {
      graph: graphOf(choices),
      batchSize: choices.batchSize * choices.accumulate,
      accumulate: choices.accumulate,
      length: { steps: 9 },
      evaluateEvery: { steps: 3 },
      loss: choices.loss,
      optimizer: optimizerOf(choices.optimizer),
      gradient: { clip: choices.clip, l1: 0 },
      schedule: scheduleOf(choices.schedule),
      earlyStopping: { metric: 'validation.loss', patience: 3, minDelta: 0, restoreBest: choices.restoreBest },
      seed: choices.seed,
    },
    { preprocessing: choices.preprocessing },
  );
}

function graphOf({ blocks, activation, norm, dropout, init, filters }: JobChoices): GraphDocument {
  const nodes: NodeDocument[] = [{ id: 'image', layer: 'input' }];
  const last = (): string => nodes.at(-1)!.id;
  const weightInit = { kind: init };
  const conv = (id: string, props: object = {}): void => {
    nodes.push({ id, layer: 'conv2d', props: { filters, padding: 'same', weightInit, ...props } });
  };
  conv('stem');
  for (const [i, block] of blocks.entries()) {
    const before = last();
    if (block === 'pool') {
      nodes.push({ id: `pool${i}`, layer: 'avgPool2d', props: { kernel: 2, stride: 1, padding: 'same' } });
      continue;
    }
    conv(`conv${i}`, block === 'strided' ? { stride: 2 } : {});
    nodes.push(...normOf(norm, `norm${i}`, filters));
    nodes.push({ id: `act${i}`, layer: activation });
    if (block === 'residual') nodes.push({ id: `sum${i}`, layer: 'add', inputs: [`act${i}`, before] });
    if (dropout > 0) nodes.push({ id: `drop${i}`, layer: 'dropout', props: { p: dropout } });
  }
  nodes.push({ id: 'flat', layer: 'globalAvgPool2d' });
  nodes.push({ id: 'out', layer: 'dense', props: { units: 3, weightInit } });
  return { nodes };
}

function normOf(norm: JobChoices['norm'], id: string, filters: number): NodeDocument[] {
  switch (norm) {
    case 'none':
      return [];
    case 'cumulative':
      return [{ id, layer: 'batchNorm', props: { momentum: null } }];
    case 'groupNorm':
      return [{ id, layer: norm, props: { groups: filters } }];
    default:
      return [{ id, layer: norm }];
  }
}

function optimizerOf(kind: OptimizerSettings['kind']): OptimizerSettings {
  const common = { learningRate: 0.01, weightDecay: 1e-4 };
  const moments = { ...common, beta1: 0.9, beta2: 0.99, eps: 1e-8 };
  switch (kind) {
    case 'sgd':
      return { kind, ...common, momentum: 0.9, dampening: 0.1, nesterov: false };
    case 'adam':
      return { kind, ...moments, decoupled: true };
    case 'rmsprop':
      return { kind, ...common, alpha: 0.9, eps: 1e-8, momentum: 0.5, centered: true };
    case 'adagrad':
      return { kind, ...common, learningRateDecay: 0.1, initialAccumulator: 0.1, eps: 1e-8 };
    case 'adamax':
      return { kind, ...moments };
    case 'nadam':
      return { kind, ...moments, momentumDecay: 0.004 };
  }
}

function scheduleOf(kind: JobChoices['schedule']): ScheduleSettings {
  if (kind === 'constant') return { kind };
  if (kind === 'cosine') return { kind, steps: null, finalFactor: 0.1 };
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
