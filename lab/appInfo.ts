import type { JobOutput } from '../engine/index.ts';
import type { Handlers } from './app.ts';
import type { Jobs, Machine } from './ports.ts';
import type { RunQueue } from './runs/queue.ts';

export function appHandlers(options: {
  readonly version: string;
  readonly engineVersion: string;
  readonly machine: Machine;
  readonly queue: RunQueue;
  readonly jobs: Jobs;
}): Handlers {
  const { version, engineVersion, machine, queue, jobs } = options;
  let adapter: Promise<JobOutput<'adapter'>> | undefined;
  return {
    // one answer for the life of the program; a failure is asked again
    'machine.adapter': () =>
      (adapter ??= jobs.run('adapter', null, {}).catch((error: unknown) => {
        adapter = undefined;
        throw error;
      })),
    'app.info': () => ({
      version,
      engineVersion,
      cores: machine.cores,
      threads: queue.record().threadsPerRun,
      backend: machine.backend,
      home: machine.home,
      platform: machine.platform,
    }),
  };
}
