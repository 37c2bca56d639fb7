import { tmpdir } from 'node:os';
import { MessageChannel, SHARE_ENV, Worker, type MessagePort, type WorkerOptions } from 'node:worker_threads';
import {
  threadState,
  type JobInput,
  type JobName,
  type JobOutput,
  type ThreadEnd,
  type WorkerCommand,
  type WorkerEvent,
} from '../engine/index.ts';
import { keepCompiled } from './compileCache.ts';
import { fromErrorRecord, LabError, toErrorRecord } from '../lab/contract/errors.ts';

/** A worker of the engine (engine/worker/serve.ts), for one training run or for jobs. */
export interface EngineWorker {
  post(command: WorkerCommand): void;
  /** Ends it at once, or as soon as that does no harm; nothing is heard of it afterwards. Safe to call twice. */
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

/** Milliseconds that a thread which cannot be ended from outside is waited for; it leaves later then, and keeps nobody. */
const leaveMs = 20_000;
/** The end of a thread's stderr that goes into the reason of its death. */
const keptStderr = 4000;

/** Workers as threads of this process. `entry`: engine/worker/entry.node.ts, or what a bundler made of it. */
export function threadHost(entry: URL): EngineHost {
  // graphics drivers complain of a missing one and need none. Set before there are threads: native code of one thread may be reading
  // the environment while it grows in another
  if (process.platform === 'linux') process.env['XDG_RUNTIME_DIR'] ??= tmpdir();
  if (entry.pathname.endsWith('.ts')) keepCompiled();
  return { start: (name, listener) => startThread(entry, name, listener) };
}

function startThread(entry: URL, name: string, { hear, died }: WorkerListener): EngineWorker {
  const { port1: leave, port2 } = new MessageChannel();
  const threadEnd: ThreadEnd<MessagePort> = { state: new Int32Array(new SharedArrayBuffer(4)), leave: port2 };
  // the environment is shared, so that a thread can tell a graphics driver to the process (engine/host/vulkan.node.ts); stderr is
  // kept for the error message of a worker that dies, and still shown: warnings of the engine belong there
  const sharing = { env: SHARE_ENV, workerData: { threadEnd }, transferList: [port2] } satisfies WorkerOptions;
  const worker = new Worker(entry, { name, stderr: true, ...sharing });
  let [over, said] = [false, ''];
  let death: Error | undefined;
  const end = async (): Promise<void> => {
    over = true;
    const state = Atomics.compareExchange(threadEnd.state, 0, threadState.free, threadState.ended);
    if (state === threadState.native) await left(worker, () => leave.postMessage(null));
    else await worker.terminate();
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
    void end();
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

/** Resolves once a worker that is asked to is gone, or has been waited for long enough. */
function left(worker: Worker, ask: () => void): Promise<void> {
  return new Promise((resolve) => {
    if (worker.threadId < 0) return resolve();
    const limit = setTimeout(() => {
      worker.unref();
      resolve();
    }, leaveMs);
    worker.once('exit', () => {
      clearTimeout(limit);
      resolve();
    });
    ask();
  });
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
