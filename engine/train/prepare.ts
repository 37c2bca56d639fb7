import { BatchOrder } from '../data/batches.ts';
import { fitPreprocessing, isPerFeature } from '../data/preprocess.ts';
import type { PixelTransform } from '../data/preprocess.ts';
import { range, splitTrainingFile } from '../data/split.ts';
import { EngineError } from '../errors.ts';
import { checkGraph } from '../graph/check.ts';
import type { CheckedGraph } from '../graph/check.ts';
import { lowerTraining } from '../plan/lower.ts';
import type { TrainingPlan } from '../plan/plan.ts';
import type { ImageFile, TrainingJob } from '../worker/protocol.ts';

/** Rows of the history ring: a step's loss is read back at the latest so many steps later. */
const historySlots = 256;
/** Images that are evaluated at once. Part of the result: evaluation sums are rounded batch by batch. */
const evaluationBatch = 250;

/** A job, checked and planned, before a backend has seen it. */
export interface PreparedTraining {
  readonly checked: CheckedGraph;
  readonly plan: TrainingPlan;
  readonly order: BatchOrder;
  readonly transform: PixelTransform;
  /** Positions in the training file. */
  readonly trainImages: Int32Array;
  readonly validationImages: Int32Array;
  /** Positions in the test file: all of it. */
  readonly testImages: Int32Array;
  readonly totalSteps: number;
  /** Validation images are evaluated after every so many steps, and after the last one. */
  readonly evaluateEvery: number;
}

/** Throws EngineError: 'data' for images, labels and sizes, 'graph' with every fault of the model, 'plan'. */
export function prepareTraining(job: TrainingJob): PreparedTraining {
  const { train, test, imageShape, classes, preprocessing } = job.data;
  checkFile('training', train, imageShape, classes);
  checkFile('test', test, imageShape, classes);
  if (job.earlyStopping !== null && job.data.validation === 0) {
    throw new EngineError(
      'data',
      `training.earlyStopping watches ${job.earlyStopping.metric}, but data.validation is 0. Hold out images for validation, or turn early stopping off.`,
    );
  }
  if (job.schedule.kind === 'reduceOnPlateau' && job.data.validation === 0) {
    throw new EngineError(
      'data',
      `training.schedule reduces the rate by ${job.schedule.metric}, but data.validation is 0. Hold out images for validation, or choose another schedule.`,
    );
  }
  const split = splitTrainingFile(train.count, job.data.validation, job.data.trainImages, job.seed);
  const order = new BatchOrder(split.train, job.batchSize, job.seed);

  const checked = checkGraph(job.graph, { inputShape: imageShape, classes });
  const plan = lowerTraining(checked, {
    batchSize: job.batchSize,
    evaluationBatch: Math.min(evaluationBatch, Math.max(split.validation.length, test.count)),
    inputShape: imageShape,
    trainImages: train.count,
    testImages: test.count,
    perFeature: isPerFeature(preprocessing, imageShape[0]),
    loss: job.loss,
    optimizer: job.optimizer,
    ...(job.gradient === undefined ? {} : { gradient: job.gradient }),
    historySlots,
    ...(job.diagnostics ? { probe: job.diagnostics } : {}),
  });
  return {
    checked,
    plan,
    order,
    transform: fitPreprocessing(preprocessing, train.pixels, split.train, imageShape),
    trainImages: split.train,
    validationImages: split.validation,
    testImages: range(test.count),
    totalSteps: stepsOf(job.length, order.stepsPerEpoch),
    evaluateEvery: stepsOf(job.evaluateEvery, order.stepsPerEpoch),
  };
}

/** A length in steps; at least one. Parts of an epoch are rounded to the nearest step. */
export function stepsOf(
  length: { readonly epochs: number } | { readonly steps: number },
  stepsPerEpoch: number,
): number {
  return 'steps' in length ? length.steps : Math.max(1, Math.round(length.epochs * stepsPerEpoch));
}

function checkFile(name: string, file: ImageFile, imageShape: readonly number[], classes: number): void {
  const size = imageShape.reduce((product, extent) => product * extent, 1);
  if (file.count < 1 || file.pixels.length !== file.count * size || file.labels.length !== file.count) {
    throw new EngineError(
      'data',
      `The ${name} file should hold ${file.count} images of ${size} pixels with a label each, but has ${file.pixels.length} pixels and ${file.labels.length} labels.`,
    );
  }
  const wrong = file.labels.findIndex((label) => label >= classes);
  if (wrong >= 0) {
    throw new EngineError(
      'data',
      `Image ${wrong} of the ${name} file has label ${file.labels[wrong]!}, but the data set has ${classes} classes (0 to ${classes - 1}).`,
    );
  }
}
