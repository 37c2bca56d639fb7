import { augments } from '../data/augment.ts';
import { mixupAlpha } from '../data/mixup.ts';
import { BatchOrder } from '../data/batches.ts';
import { isPerFeature, isWhitening } from '../data/preprocess.ts';
import { range, splitTrainingFile, type Split } from '../data/split.ts';
import { EngineError, type Fault } from '../errors.ts';
import { checkGraph } from '../graph/check.ts';
import type { CheckedGraph } from '../graph/check.ts';
import { lowerTraining } from '../plan/lower.ts';
import type { TrainingPlan } from '../plan/plan.ts';
import { whitenAhead, type AheadPlan } from '../plan/whitenAhead.ts';
import { sizeOf } from '../tensor.ts';
import type { ImageFile, TrainingJob } from '../worker/protocol.ts';
import { fitToImages, requireWhitenable, type FittedData } from './fitToImages.ts';
import {
  noUpdates,
  stageFaults,
  stagePath,
  stageShape,
  stageSpans,
  stagesOf,
  stepsOf,
  updatesAfter,
  type StageSpan,
  type UpdateCount,
} from './stages.ts';

/** Rows of the history ring: a step's loss is read back at the latest so many steps later. */
const historySlots = 256;
/** Images that are evaluated at once. Part of the result: evaluation sums are rounded batch by batch. */
const evaluationBatch = 250;

/** A stage of a run, checked and planned, before a backend has seen it. */
export interface PlannedStage extends StageSpan {
  /** The model at the stage's image size. */
  readonly checked: CheckedGraph;
  readonly plan: TrainingPlan;
  /** The same with all images whitened before the first step, where that pays; null: each step whitens its own. Same bits on a CPU. */
  readonly ahead: AheadPlan | null;
  readonly order: BatchOrder;
  /** Validation images are evaluated after every so many steps, counted from `evaluateFrom`, and after the stage's last one. */
  readonly evaluateEvery: number;
  readonly evaluateFrom: number;
}

/** A job, checked and planned. */
export interface PreparedTraining extends FittedData {
  /** At least one. They have the same parameters, buffers and optimiser state, by name. */
  readonly stages: readonly PlannedStage[];
  /** What had been counted where the run goes on from. */
  readonly from: UpdateCount;
  /** Positions in the training file. */
  readonly trainImages: Int32Array;
  readonly validationImages: Int32Array;
  /** Positions in the test file: all of it. */
  readonly testImages: Int32Array;
  readonly totalSteps: number;
}

/**
 * Throws EngineError: 'data' for images, labels and sizes, 'graph' with every fault of the model, 'plan'.
 *
 * @param from what had been counted where the run goes on from; a run that is resumed counts anew from its beginning without
 */
export function prepareTraining(job: TrainingJob, from: UpdateCount = noUpdates): PreparedTraining {
  const { train, test, imageShape, classes } = job.data;
  checkFile('training', train, imageShape, classes);
  checkFile('test', test, imageShape, classes);
  const holdsOut = job.data.validation > 0 || (job.data.folds ?? null) !== null;
  if (job.earlyStopping !== null && !holdsOut) {
    throw new EngineError(
      'data',
      `training.earlyStopping watches ${job.earlyStopping.metric}, but data.validation is 0. Hold out images for validation, or turn early stopping off.`,
    );
  }
  if (job.schedule.kind === 'reduceOnPlateau' && !holdsOut) {
    throw new EngineError(
      'data',
      `training.schedule reduces the rate by ${job.schedule.metric}, but data.validation is 0. Hold out images for validation, or choose another schedule.`,
    );
  }
  const values = Math.max(sizeOf(imageShape), ...stagesOf(job).map((stage) => sizeOf(stageShape(imageShape, stage))));
  requireWhitenable(job.data, values, ', at the largest size of the stages');
  const split = splitTrainingFile(train.labels, { ...job.data, seed: job.seed });
  const stages = planStages(job, split, from);
  return {
    stages,
    from,
    ...fitToImages(job, split.train),
    trainImages: split.train,
    validationImages: split.validation,
    testImages: range(test.count),
    totalSteps: stages.at(-1)!.endStep,
  };
}

function planStages(job: TrainingJob, split: Split, from: UpdateCount): readonly PlannedStage[] {
  const { train, test, imageShape, classes, preprocessing } = job.data;
  const spans = stageSpans(job, split.train.length);
  const orders = spans.map(
    ({ settings, index, firstStep, firstEpoch }) =>
      new BatchOrder(
        split.train,
        settings.batchSize,
        job.seed,
        { step: firstStep, epoch: firstEpoch },
        `${stagePath(job, index) || 'training'}.batchSize`,
      ),
  );
  const shapes = spans.map(({ settings }) => stageShape(imageShape, settings));
  const models = shapes.map((inputShape, index) => {
    const checked = checkGraph(job.graph, { inputShape, classes });
    if (!checked.ok) refuse(checked.faults, stagePath(job, index));
    return checked;
  });
  if (job.stages !== undefined && job.stages.length > 0) refuse(stageFaults(job.stages, models, imageShape));
  return spans.map((span, index): PlannedStage => {
    const { settings, stepsPerEpoch, firstStep } = span;
    const plan = lowerTraining(models[index]!, {
      batchSize: settings.batchSize,
      evaluationBatch: Math.min(evaluationBatch, Math.max(split.validation.length, test.count)),
      inputShape: shapes[index]!,
      dataShape: imageShape,
      trainImages: train.count,
      testImages: test.count,
      perFeature: isPerFeature(preprocessing, imageShape[0]),
      whitened: isWhitening(preprocessing),
      augmented: augments(job.data.augmentation, settings.augmentationStrength),
      mixed: mixupAlpha(job.data.augmentation, settings.augmentationStrength) > 0,
      loss: job.loss,
      optimizer: job.optimizer,
      ...(job.gradient === undefined ? {} : { gradient: job.gradient }),
      ...(job.accumulate === undefined ? {} : { accumulate: job.accumulate }),
      ...(settings.frozen.length === 0
        ? {}
        : { frozen: { nodes: settings.frozen, batchNorm: settings.frozenBatchNorm } }),
      updates: updatesAfter(firstStep, spans, from),
      historySlots,
      ...(job.diagnostics ? { probe: job.diagnostics } : {}),
    });
    // whitened once or by each step, that makes no difference in an epoch; from the second one on it does
    const pays = span.endStep - firstStep > stepsPerEpoch;
    return {
      ...span,
      checked: models[index]!,
      plan,
      ahead: pays ? whitenAhead(plan) : null,
      order: orders[index]!,
      evaluateEvery: stepsOf(job.evaluateEvery, stepsPerEpoch),
      // epochs are those of a stage, steps those of the run
      evaluateFrom: 'steps' in job.evaluateEvery ? 0 : firstStep,
    };
  });
}

/** Throws EngineError('graph') with every fault, each behind the path of its stage, if it has one. */
function refuse(faults: readonly Fault[], path = ''): void {
  if (faults.length === 0) return;
  const named = path === '' ? faults : faults.map((fault) => ({ ...fault, message: `${path}: ${fault.message}` }));
  throw new EngineError('graph', named.map(({ message }) => message).join('\n'), named);
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
