import type { Backend } from '../../../../engine/backend.ts';
import { cpuBackend } from '../../../../engine/cpu/index.ts';
import { referenceBackend } from '../../../../engine/reference/index.ts';
import type { JobContext } from '../../../../engine/worker/jobs/job.ts';

/** A place for jobs in the test's own thread. */
export function context(more: Partial<JobContext> = {}): JobContext {
  return {
    backend: (name): Promise<Backend> => Promise.resolve(name === 'reference' ? referenceBackend : cpuBackend),
    clock: () => performance.now(),
    progress: () => undefined,
    turn: () => Promise.resolve(),
    cancelled: false,
    ...more,
  };
}
