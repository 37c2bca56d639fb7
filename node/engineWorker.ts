import { Worker } from 'node:worker_threads';
import type { WorkerCommand, WorkerEvent } from '../engine/index.ts';
import { keepCompiled } from './compileCache.ts';
import { lastWords } from './lastWords.ts';

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

/** A place where workers of the engine run: threads of this process, or what a shell has for graphics (gpu/host.ts, electron/gpu). */
export interface EngineHost {
  start(name: string, listener: WorkerListener): EngineWorker;
}

/** Workers as threads of this process, for all that is not the GPU's. `entry`: engine/worker/entry.node.ts, or what a bundler made of it. */
export function threadHost(entry: URL): EngineHost {
  if (entry.pathname.endsWith('.ts')) keepCompiled();
  return { start: (name, listener) => startThread(entry, name, listener) };
}

function startThread(entry: URL, name: string, { hear, died }: WorkerListener): EngineWorker {
  // stderr is kept for the error message of a worker that dies
  const worker = new Worker(entry, { name, stderr: true });
  const said = lastWords();
  let over = false;
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
  worker.stderr.on('data', said.hear);
  worker.on('message', (event: WorkerEvent) => {
    if (!over) hear(event);
  });
  worker.on('messageerror', (error) => {
    die(`a message could not be read: ${error instanceof Error ? error.message : String(error)}`);
    void end();
  });
  worker.on('error', (error) => {
    death = error instanceof Error ? error : new Error(String(error));
  });
  // one turn later, what the worker wrote last has arrived
  worker.on('exit', (code) => setImmediate(() => die(said.after(death?.message ?? `it ended with exit code ${code}`))));
  return {
    post: (command) => worker.postMessage(command),
    end,
    hold: (on) => (on ? worker.ref() : worker.unref()),
  };
}
