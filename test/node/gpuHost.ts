import type { Backend } from '../../engine/backend.ts';
import { cpuBackend } from '../../engine/cpu/index.ts';
import type { GraphicsAdapter } from '../../engine/index.ts';
import { serveWorker, type WorkerCommand, type WorkerEvent, type WorkerHost } from '../../engine/worker/serve.ts';
import type { EngineHost, WorkerListener } from '../../node/engineWorker.ts';

export interface PlayedGpu {
  readonly adapter?: GraphicsAdapter | null;
  /** What is called the GPU; left out: the cpu backend, so that curves and hashes are those of the CPU. */
  readonly backend?: Backend;
  /** What each worker has of its own, made when it starts. */
  readonly worker?: () => Pick<WorkerHost, 'backend' | 'forms'>;
  /** Hears every event before the listener, and may kill the host. */
  readonly on?: (event: WorkerEvent, kill: (reason: string) => void) => void;
}

/** A host for the GPU in this thread: the real session and jobs on a port, and a GPU that is the CPU under another name. */
export function playGpu({ adapter, backend = cpuBackend, worker, on }: PlayedGpu): EngineHost & {
  readonly started: string[];
  /** Of those, the ones that were ended. */
  readonly ended: string[];
  readonly commands: WorkerCommand[];
} {
  const started: string[] = [];
  const ended: string[] = [];
  const commands: WorkerCommand[] = [];
  return {
    started,
    ended,
    commands,
    start: (name: string, listener: WorkerListener) => {
      started.push(name);
      let over = false;
      let command: (command: WorkerCommand) => void = () => undefined;
      const kill = (reason: string): void => {
        if (over) return;
        over = true;
        listener.died(reason);
      };
      serveWorker(
        {
          // as between processes: what arrives is a copy, later
          post: (event) => {
            const copy = structuredClone(event);
            setImmediate(() => {
              if (over) return;
              on?.(copy, kill);
              if (!over) listener.hear(copy);
            });
          },
          on: (given) => (command = given),
          close: () => undefined,
        },
        {
          backend: () => Promise.resolve(backend),
          adapter: () => Promise.resolve(adapter === undefined ? { name: 'Some GPU', software: false } : adapter),
          clock: () => performance.now(),
          turn: () => new Promise((resolve) => setImmediate(resolve)),
          ...worker?.(),
        },
      );
      return {
        post: (given) => {
          commands.push(given);
          setImmediate(() => command(given));
        },
        end: async () => {
          if (!over) ended.push(name);
          over = true;
        },
        hold: () => undefined,
      };
    },
  };
}
