import type { MachineAdapter } from './adapter.ts';
import type { Handlers } from './app.ts';
import type { Machine } from './ports.ts';
import type { RunQueue } from './runs/queue.ts';

export function appHandlers(options: {
  readonly version: string;
  readonly engineVersion: string;
  readonly machine: Machine;
  readonly queue: RunQueue;
  readonly adapter: MachineAdapter;
}): Handlers {
  const { version, engineVersion, machine, queue, adapter } = options;
  return {
    'machine.adapter': () => adapter.ask(),
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
