import type { AdapterAnswer, AdapterInput } from './adapter.ts';
import type { Analysis, AnalysisInput } from './analysis.ts';
import type { Fit, FitInput } from './fit.ts';
import type { JobRunner } from './job.ts';
import type { LrRange, LrRangeInput } from './lrRange.ts';
import type { Recalibration, RecalibrateJobInput } from './recalibrate.ts';
import type { ActivationPreview, PreviewInput } from './preview.ts';
import type { StepTiming, TimingInput } from './timing.ts';

/** Every job: what it takes and what it gives. Both travel between threads as they are (structured clone). */
export interface JobTable {
  /** Which graphics adapter there is. */
  adapter: { readonly input: AdapterInput; readonly output: AdapterAnswer };
  /** The value of every node for a few images. */
  preview: { readonly input: PreviewInput; readonly output: ActivationPreview };
  /** How long steps and evaluations take here. */
  timing: { readonly input: TimingInput; readonly output: StepTiming };
  /** The loss of steps with a rate that grows. */
  lrRange: { readonly input: LrRangeInput; readonly output: LrRange };
  /** What preprocessing is fitted to the training images as. */
  fit: { readonly input: FitInput; readonly output: Fit };
  /** Errors, loss landscape, gradients and their noise at a checkpoint. */
  analysis: { readonly input: AnalysisInput; readonly output: Analysis };
  /** A trained model before and after its batch norms took their statistics anew. */
  recalibrate: { readonly input: RecalibrateJobInput; readonly output: Recalibration };
}
export type JobName = keyof JobTable;
export type JobInput<N extends JobName> = JobTable[N]['input'];
export type JobOutput<N extends JobName> = JobTable[N]['output'];

/** Each loaded when it is asked for. */
export const jobs: { readonly [N in JobName]: () => Promise<JobRunner<JobInput<N>, JobOutput<N>>> } = {
  adapter: async () => (await import('./adapter.ts')).runAdapter,
  preview: async () => (await import('./preview.ts')).runPreview,
  timing: async () => (await import('./timing.ts')).runTiming,
  recalibrate: async () => (await import('./recalibrate.ts')).runRecalibrate,
  lrRange: async () => (await import('./lrRange.ts')).runLrRange,
  fit: async () => (await import('./fit.ts')).runFit,
  analysis: async () => (await import('./analysis.ts')).runAnalysis,
};
