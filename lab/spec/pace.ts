import type { StageSpan } from '../../engine/index.ts';
import type { DatasetRecord, RunRecord } from '../contract/records.ts';
import { lengthOf } from './resolve.ts';
import type { Spec } from './schema.ts';

/** Steps `firstStep` + 1 to `endStep` of a run, each of which takes as many images. */
export interface Stretch {
  readonly firstStep: number;
  readonly endStep: number;
  readonly batchSize: number;
  /** 0: not known, or a batch is larger than the training split. */
  readonly stepsPerEpoch: number;
}

/** How a run goes through its training images: stretches one behind the other, at least one. */
export type Pace = readonly Stretch[];

export const paceOfStages = (stages: readonly StageSpan[]): Pace =>
  stages.map(({ firstStep, endStep, stepsPerEpoch, settings: { batchSize } }) => ({
    firstStep,
    endStep,
    batchSize,
    stepsPerEpoch,
  }));

/** Stages have batches of their own size. Without spec or data set there are only the means over the run. */
export function paceOf(
  { batchSize, stepsPerEpoch }: Pick<RunRecord, 'batchSize' | 'stepsPerEpoch'>,
  spec: Pick<Spec, 'data' | 'training'> | null | undefined,
  datasets: readonly Pick<DatasetRecord, 'id' | 'trainImages'>[],
): Pace {
  const dataset = datasets.find(({ id }) => id === spec?.data.dataset);
  if (spec && dataset && spec.training.stages.length > 0) return paceOfStages(lengthOf(spec, dataset).stages);
  // as JSON knows no infinity
  return [{ firstStep: 0, endStep: Number.MAX_SAFE_INTEGER, batchSize, stepsPerEpoch: stepsPerEpoch ?? 0 }];
}

/** Images trained on in the first `steps` steps, each as often as it was taken. */
export function imagesAfter(pace: Pace, steps: number): number {
  return sumOver(pace, steps, ({ batchSize }) => batchSize);
}

/** Epochs of the first `steps` steps. An epoch drops its last, incomplete batch. */
export function epochsAfter(pace: Pace, steps: number): number {
  return sumOver(pace, steps, ({ stepsPerEpoch }) => (stepsPerEpoch > 0 ? 1 / stepsPerEpoch : 0));
}

function sumOver(pace: Pace, steps: number, perStep: (stretch: Stretch) => number): number {
  return pace.reduce((sum, stretch) => {
    const taken = Math.max(0, Math.min(steps, stretch.endStep) - stretch.firstStep);
    return sum + taken * perStep(stretch);
  }, 0);
}
