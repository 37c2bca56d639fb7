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

/** Measures a trained model before and after its batch norms took their running statistics anew. Changes nothing. */
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
    const measure = (from: number) =>
      run.measure(async (done) => {
        context.progress(from + 0.4 * done, 'measuring');
        await context.turn();
      });
    const before = await measure(0.05);
    context.progress(0.45, 'recalibrating');
    const { layers, images } = await run.recalibrate(batches);
    const after = await measure(0.55);
    return { before, after, batches, images, layers };
  } finally {
    await run.dispose();
  }
}
