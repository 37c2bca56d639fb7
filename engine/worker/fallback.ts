import { withStorage, type BackendChoice } from './backendChoice.ts';
import type { TrainingJob } from './protocol.ts';

/** The choice after the GPU has failed, and the job that goes on from the last checkpoint, or from its beginning. */
export function onCpu(
  job: TrainingJob,
  choice: BackendChoice,
  error: Pick<Error, 'message'>,
  step: number,
  last: Uint8Array | null,
): { readonly choice: BackendChoice; readonly job: TrainingJob } {
  const resumeFrom = last ?? job.resumeFrom;
  const where = step === 0 ? 'before the first step' : `after step ${step}`;
  const from = resumeFrom === null ? 'begins anew' : 'goes on from its last checkpoint';
  return {
    choice: withStorage(job, {
      ...choice,
      backend: 'cpu',
      reason: `The GPU failed ${where}: ${error.message} The run ${from} on the CPU.`,
    }),
    job: { ...job, resumeFrom },
  };
}
