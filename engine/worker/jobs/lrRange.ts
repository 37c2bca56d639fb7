import { EngineError } from '../../errors.ts';
import {
  RangeCurve,
  rangeGrowth,
  suggestRate,
  type RangeEnd,
  type RangePoint,
  type RangeSuggestion,
} from '../../train/lrRange.ts';
import { prepareTraining } from '../../train/prepare.ts';
import { stageOfStep } from '../../train/stages.ts';
import { originOf } from '../../train/start.ts';
import { TrainingRun } from '../../train/trainingRun.ts';
import type { TrainingEvent, TrainingJob } from '../protocol.ts';
import { compileOptionsOf } from './compileOptions.ts';
import type { JobContext } from './job.ts';

export interface LrRangeInput {
  readonly training: TrainingJob;
  /** Rate of the first step, and of the last. */
  readonly lowest: number;
  readonly highest: number;
  readonly steps: number;
  /** Share of the average loss that stays with every step. */
  readonly smoothing: number;
  /** The sweep ends when the smoothed loss is more than this times its least. */
  readonly divergence: number;
}

export interface LrRange extends RangeSuggestion {
  readonly points: readonly RangePoint[];
  readonly end: RangeEnd;
}

/** Milliseconds of training between two looks at the curve. */
const slice = 15;

/**
 * Trains from the weights that the run begins with, at a rate that grows exponentially, in the order of batches and with the draws of
 * the spec's own run, and throws the weights away. Of a fork it takes the weights alone: the sweep begins at step 0, with an empty
 * state of the optimiser, in the stage in which the fork goes on. A pure function of the job: the points are those of the same steps on any number of threads.
 */
export async function runLrRange(input: LrRangeInput, context: JobContext): Promise<LrRange> {
  const { lowest, highest, steps, smoothing, divergence } = input;
  const curve = new RangeCurve(smoothing, divergence);
  let end: RangeEnd | undefined;
  const hear = (event: TrainingEvent): void => {
    if (event.kind !== 'progress') return;
    for (let i = 0; i < event.loss.length && end === undefined; i++) {
      if (!curve.add(event.learningRate[i]!, event.loss[i]!)) end = 'diverged';
      else if (curve.points.length >= steps) end = 'complete';
    }
  };
  const training = sweepOf(input.training, lowest, rangeGrowth(lowest, highest, steps), steps);
  const run = await TrainingRun.create(
    training,
    await context.backend(training.backend === 'auto' ? 'cpu' : training.backend),
    {
      compile: compileOptionsOf(training, context),
      clock: () => context.clock(),
      emit: hear,
    },
  );
  try {
    while (end === undefined && !context.cancelled) {
      await run.advance(slice);
      await run.settle();
      context.progress(Math.min(1, run.step / steps));
      await context.turn();
    }
  } catch (error) {
    // a rate at which the loss has no value is an answer, not a failure
    if (!(error instanceof EngineError) || error.code !== 'nonFinite') throw error;
    end ??= 'nonFinite';
  } finally {
    await run.dispose();
  }
  return { points: curve.points, end: end ?? 'complete', ...suggestRate(curve.points) };
}

/** The same run with an exponential schedule and nothing that ends it, changes it or is evaluated on the way. */
function sweepOf(training: TrainingJob, learningRate: number, gamma: number, steps: number): TrainingJob {
  const { start } = training;
  // one step more than is looked at: the end of a run, with its evaluations, is never reached
  const length = { steps: steps + 1 };
  // of a run in stages the first one is swept; its factor of the rate is left out, so that the rates are those that are shown
  const first = firstStageOf(training);
  const stages = training.stages?.slice(first, first + 1).map((stage) => ({ ...stage, length, learningRateFactor: 1 }));
  return {
    ...training,
    length,
    ...(stages === undefined ? {} : { stages }),
    ...(start ? { start: { ...start, carry: 'weights' as const } } : {}),
    diagnostics: null,
    optimizer: { ...training.optimizer, learningRate },
    schedule: { kind: 'exponential', gamma },
    earlyStopping: null,
    evaluateEvery: { steps: steps + 1 },
    checkpointSeconds: 1e9,
    resumeFrom: null,
  };
}

/** Place of the stage that the run begins in: the first one, but for a fork. */
function firstStageOf(training: TrainingJob): number {
  if (training.start?.carry !== 'everything' || training.stages === undefined || training.stages.length === 0) return 0;
  return stageOfStep(prepareTraining(training).stages, originOf(training).step).index;
}
