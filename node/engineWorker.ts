import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { JobInput, JobName, JobOutput, WorkerCommand, WorkerEvent } from '../engine/index.ts';
import { fromErrorRecord, LabError, toErrorRecord } from '../lab/contract/errors.ts';

/** A worker of the engine (engine/worker/serve.ts), for one training run or for jobs. */
export interface EngineWorker {
  post(command: WorkerCommand): void;
  /** Ends it at once; nothing is heard of it afterwards. Safe to call twice. */
  end(): Promise<void>;
  /** Whether it keeps this process alive; at first it does. */
  hold(on: boolean): void;
}

export interface WorkerListener {
  hear(event: WorkerEvent): void;
  /** It is gone without having been ended, for this reason; nothing comes after. Not called from within `start`. */
  died(reason: string): void;
}

/** A place where workers of the engine run: threads of this process, or what a shell has for graphics (electron/gpu). */
export interface EngineHost {
  start(name: string, listener: WorkerListener): EngineWorker;
}

/** The end of a thread's stderr that goes into the reason of its death. */
const keptStderr = 4000;

/** Workers as threads of this process. `entry`: engine/worker/entry.node.ts, or what a bundler made of it. */
export function threadHost(entry: URL): EngineHost {
  return { start: (name, listener) => startThread(entry, name, listener) };
}

function startThread(entry: URL, name: string, { hear, died }: WorkerListener): EngineWorker {
  // the environment is shared, so that a thread can tell a graphics driver to the process (engine/host/vulkan.node.ts); stderr is
  // kept for the error message of a worker that dies, and still shown: warnings of the engine belong there
  const worker = new Worker(entry, { name, stderr: true, env: SHARE_ENV });
  let [over, said] = [false, ''];
  let death: Error | undefined;
  const end = async (): Promise<void> => {
    over = true;
    await worker.terminate();
  };
  const die = (reason: string): void => {
    if (over) return;
    over = true;
    died(reason);
  };
  worker.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-keptStderr);
  });
  worker.on('message', (event: WorkerEvent) => {
    if (!over) hear(event);
  });
  worker.on('messageerror', (error) => {
    die(`a message could not be read: ${error instanceof Error ? error.message : String(error)}`);
    void worker.terminate();
  });
  worker.on('error', (error) => {
    death = error instanceof Error ? error : new Error(String(error));
  });
  // one turn later, what the worker wrote last has arrived
  worker.on('exit', (code) =>
    setImmediate(() => {
      const last = said.trim();
      die((death?.message ?? `it ended with exit code ${code}`) + (last ? `. Its last words: ${last}` : ''));
    }),
  );
  return {
    post: (command) => worker.postMessage(command),
    end,
    hold: (on) => (on ? worker.ref() : worker.unref()),
  };
}

/** Has one job done by a worker of its own. Throws a LabError: what the job throws, or 'threads' when its worker died. */
export function askOnce<N extends JobName>(host: EngineHost, name: N, input: JobInput<N>): Promise<JobOutput<N>> {
  let worker: EngineWorker | undefined;
  return new Promise<JobOutput<N>>((resolve, reject) => {
    worker = host.start(name, {
      hear: (event) => {
        if (event.kind === 'jobDone') resolve(event.output);
        else if (event.kind === 'jobFailed') reject(fromErrorRecord(toErrorRecord(event.error)));
      },
      died: (reason) => reject(new LabError('threads', `The worker of a job died: ${reason}.`)),
    });
    worker.post({ kind: 'job', name, input });
  }).finally(() => void worker?.end());
}
