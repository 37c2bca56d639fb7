import { checkGraph, type CheckedGraph } from '../../../engine/graph/check.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { lowerTraining, type LowerOptions } from '../../../engine/plan/lower.ts';
import type { TrainingPlan } from '../../../engine/plan/plan.ts';
import type { LossSettings, OptimizerSettings } from '../../../engine/train/settings.ts';
import { classes, image } from './examples.ts';

export const sgd: OptimizerSettings = {
  kind: 'sgd',
  learningRate: 0.1,
  momentum: 0,
  dampening: 0,
  nesterov: false,
  weightDecay: 0,
};
export const momentum: OptimizerSettings = { ...sgd, momentum: 0.9 };
export const adam: OptimizerSettings = {
  kind: 'adam',
  learningRate: 0.001,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0,
  decoupled: false,
};

const rate = { learningRate: 0.01, weightDecay: 0.01 } as const;
const moments = { ...rate, beta1: 0.9, beta2: 0.99, eps: 1e-8 } as const;
const rmsprop = { kind: 'rmsprop', ...rate, alpha: 0.9, eps: 1e-8, momentum: 0, centered: false } as const;
/** Every kind, and every form of it that keeps other state. */
export const optimizers: Readonly<Record<string, OptimizerSettings>> = {
  sgd,
  momentum,
  nesterov: { ...momentum, nesterov: true, weightDecay: 0.01 },
  adam,
  adamUncorrected: { ...adam, biasCorrection: false },
  adamw: { ...adam, decoupled: true, weightDecay: 0.01 },
  rmsprop,
  rmspropMomentum: { ...rmsprop, momentum: 0.9 },
  rmspropCentered: { ...rmsprop, centered: true },
  rmspropBoth: { ...rmsprop, momentum: 0.9, centered: true },
  adagrad: { kind: 'adagrad', ...rate, learningRateDecay: 0.01, initialAccumulator: 0.1, eps: 1e-10 },
  adamax: { kind: 'adamax', ...moments },
  nadam: { kind: 'nadam', ...moments, momentumDecay: 0.004 },
};

/** Every kind, and every form of it that is lowered in another way. */
export const losses: Readonly<Record<string, LossSettings>> = {
  crossEntropy: { kind: 'crossEntropy', labelSmoothing: 0.1 },
  weighted: {
    kind: 'crossEntropy',
    labelSmoothing: 0,
    classWeight: Array.from({ length: classes }, (_, k) => 0.5 + k / classes),
  },
  mse: { kind: 'mse' },
  mae: { kind: 'mae' },
  huber: { kind: 'huber', delta: 0.5 },
  binaryCrossEntropy: { kind: 'binaryCrossEntropy' },
  hinge: { kind: 'hinge', p: 1, margin: 1 },
  squaredHinge: { kind: 'hinge', p: 2, margin: 0.5 },
};

export const lowerOptions: LowerOptions = {
  batchSize: 8,
  evaluationBatch: 5,
  inputShape: image,
  trainImages: 60,
  testImages: 20,
  perFeature: false,
  loss: { kind: 'crossEntropy', labelSmoothing: 0 },
  optimizer: sgd,
  historySlots: 16,
};

export const checked = (document: GraphDocument, inputShape: readonly number[] = image): CheckedGraph =>
  checkGraph(document, { inputShape, classes });

export function lowered(document: GraphDocument, changes: Partial<LowerOptions> = {}): TrainingPlan {
  const options = { ...lowerOptions, ...changes };
  return lowerTraining(checked(document, options.inputShape), options);
}
