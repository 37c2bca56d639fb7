import type { ModelMeasure } from '../../train/evaluate.ts';
import type { RecalibratedLayer } from '../../train/recalibrate.ts';
import { TrainingRun } from '../../train/trainingRun.ts';
import type { TrainingJob } from '../protocol.ts';
import { compileOptionsOf } from './compileOptions.ts';
import type { JobContext } from './job.ts';

export interface RecalibrateJobInput {
  /** `resumeFrom`: the checkpoint of a run that has come to its end. */
  readonly training: TrainingJob;
  readonly batches: number;
}

export interface Recalibration {
  readonly before: ModelMeasure;
  readonly after: ModelMeasure;
  readonly batches: number;
  readonly images: number;
  readonly layers: readonly RecalibratedLayer[];
}

/** Measures a trained model before and after its batch norms took their running statistics anew. Changes nothing. Cancelled, it throws. */
export async function runRecalibrate(
  { training, batches }: RecalibrateJobInput,
  context: JobContext,
): Promise<Recalibration> {
  const run = await TrainingRun.create(
    training,
    await context.backend(training.backend === 'auto' ? 'cpu' : training.backend),
    {
      compile: compileOptionsOf(training, context),
      clock: () => context.clock(),
      emit: () => undefined,
    },
  );
  try {
    const part = (from: number, share: number, what: string) => async (done: number) => {
      context.progress(from + share * done, what);
      await context.turn();
      // what is half measured is of no use to anybody
      if (context.cancelled) throw new Error('The job was cancelled.');
    };
    const before = await run.measure(part(0.05, 0.3, 'measuring'));
    const { layers, images } = await run.recalibrate(batches, part(0.35, 0.3, 'recalibrating'));
    const after = await run.measure(part(0.65, 0.3, 'measuring'));
    return { before, after, batches, images, layers };
  } finally {
    await run.dispose();
  }
}
