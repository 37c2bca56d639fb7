import type { AdapterAnswer, AdapterInput } from './adapter.ts';
import type { Analysis, AnalysisInput } from './analysis.ts';
import type { JobRunner } from './job.ts';
import type { LrRange, LrRangeInput } from './lrRange.ts';
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
  /** Errors, loss landscape, gradients and their noise at a checkpoint. */
  analysis: { readonly input: AnalysisInput; readonly output: Analysis };
}
export type JobName = keyof JobTable;
export type JobInput<N extends JobName> = JobTable[N]['input'];
export type JobOutput<N extends JobName> = JobTable[N]['output'];

/** Each loaded when it is asked for. */
export const jobs: { readonly [N in JobName]: () => Promise<JobRunner<JobInput<N>, JobOutput<N>>> } = {
  adapter: async () => (await import('./adapter.ts')).runAdapter,
  preview: async () => (await import('./preview.ts')).runPreview,
  timing: async () => (await import('./timing.ts')).runTiming,
  lrRange: async () => (await import('./lrRange.ts')).runLrRange,
  analysis: async () => (await import('./analysis.ts')).runAnalysis,
};
