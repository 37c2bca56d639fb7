import { workerData, type MessagePort } from 'node:worker_threads';
import { threadState, type ThreadEnd } from '../threadEnd.ts';

/** Dawn's calls that promise something. */
const promising = {
  GPU: ['requestAdapter'],
  GPUAdapter: ['requestDevice'],
  GPUBuffer: ['mapAsync'],
  GPUDevice: ['createComputePipelineAsync', 'popErrorScope'],
  GPUQueue: ['onSubmittedWorkDone'],
  GPUShaderModule: ['getCompilationInfo'],
} as const;

type Promising = (...args: unknown[]) => Promise<unknown>;
/** What the package `webgpu` calls its globals. */
type Globals = Readonly<Record<string, { readonly prototype: Record<string, Promising | undefined> } | undefined>>;

/** Promises of Dawn that are not settled. A thread that is asked to leave waits for them and makes no new ones. */
let pending = 0;
let isAsked = false;
let isListening = false;
let isCounting = false;

function leaveWhenSettled(): void {
  // not from within a callback of Dawn
  if (isAsked && pending === 0) setImmediate(() => pending === 0 && process.exit());
}

function counted(call: Promising): Promising {
  return async function (this: unknown, ...args) {
    if (isAsked) throw new Error('This thread is about to end and asks nothing more of the GPU.');
    pending++;
    try {
      return await call.apply(this, args);
    } finally {
      pending--;
      leaveWhenSettled();
    }
  };
}

/**
 * Called before Dawn is loaded into this thread, which from then on is asked to leave instead of being ended (engine/threadEnd.ts).
 * False: it is being ended already, and nothing may be loaded. The main thread, and a thread whose host knows nothing of this, stay as
 * they are.
 */
export function mayLoadDawn(): boolean {
  const end = (workerData as { readonly threadEnd?: ThreadEnd<MessagePort> } | null)?.threadEnd;
  if (end === undefined || isListening) return true;
  if (Atomics.compareExchange(end.state, 0, threadState.free, threadState.native) === threadState.ended) return false;
  isListening = true;
  end.leave.on('message', () => {
    isAsked = true;
    // what fails from now on concerns nobody
    process.on('unhandledRejection', () => undefined);
    process.on('uncaughtException', () => undefined);
    leaveWhenSettled();
  });
  // a thread with nothing left to do ends by itself
  end.leave.unref();
  return true;
}

/** Keeps count of what Dawn has promised in this thread. `dawn`: the `globals` of the package `webgpu`. */
export function countPromises(dawn: unknown): void {
  if (isCounting) return;
  isCounting = true;
  const globals = dawn as Globals;
  for (const [name, calls] of Object.entries(promising)) {
    const prototype = globals[name]?.prototype;
    for (const call of calls) if (prototype?.[call]) prototype[call] = counted(prototype[call]);
  }
}
