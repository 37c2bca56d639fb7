import type { BackendName } from '../backend.ts';
import { measuredFor } from './backendChoice.ts';
import type { JobContext } from './jobs/job.ts';
import type { TrainingJob } from './protocol.ts';

export type MeasuringHost = Pick<JobContext, 'backend' | 'clock' | 'turn' | 'spawn'>;

/** Milliseconds a step of a job on a backend of this thread, which trains some from initial weights and throws them away. */
export async function measureBackend(job: TrainingJob, backend: BackendName, host: MeasuringHost): Promise<number> {
  const { runTiming } = await import('./jobs/timing.ts');
  const { millisecondsPerStep } = await runTiming(
    { training: { ...job, backend, resumeFrom: null }, milliseconds: measuredFor },
    {
      backend: (name) => host.backend(name),
      ...(host.spawn && { spawn: host.spawn }),
      clock: () => host.clock(),
      turn: () => host.turn(),
      progress: () => undefined,
      cancelled: false,
    },
  );
  return millisecondsPerStep;
}
