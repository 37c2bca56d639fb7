import { EngineError } from '../errors.ts';
import { withStorage, type BackendChoice } from './backendChoice.ts';
import type { TrainingEvent, TrainingJob } from './protocol.ts';

/**
 * What it takes to go on elsewhere: the newest checkpoint that was sent, as a copy, since what is sent is given away. Only kept
 * for a backend that may be lost.
 */
export class LastCheckpoint {
  #bytes: Uint8Array | null = null;

  get bytes(): Uint8Array | null {
    return this.#bytes;
  }

  note(event: TrainingEvent): void {
    if (event.kind === 'checkpoint') this.#bytes = event.bytes.slice();
  }
}

/** Whether an error is the GPU's: it is lost, has too little memory, or cannot run the plan. */
export function isGpuTrouble(error: unknown, choice: BackendChoice): error is EngineError {
  return (
    choice.backend === 'webgpu' && error instanceof EngineError && (error.code === 'device' || error.code === 'memory')
  );
}

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
