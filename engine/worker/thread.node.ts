import { totalmem } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { spawnHelper } from '../host/spawn.node.ts';
import { serveWorker, type WorkerHost } from './serve.ts';

/** Serves whoever started this thread, with what its entry knows of backends. Throws in a thread that nobody started. */
export function serveThread(backends: Pick<WorkerHost, 'backend' | 'adapter' | 'forms'>): void {
  const port = parentPort;
  if (port === null) throw new Error('This is the entry of a worker thread; start it with new Worker(...).');
  serveWorker(
    {
      post: (event, transfer) => port.postMessage(event, transfer),
      on: (listener) => port.on('message', listener),
      close: () => port.close(),
    },
    {
      ...backends,
      spawn: spawnHelper,
      // what is in use may be paged out, but a plan larger than the machine would be paged all the time
      memoryLimit: totalmem(),
      clock: () => performance.now(),
      // immediates run after the event loop has delivered what other threads posted
      turn: () => new Promise<void>((resolve) => setImmediate(resolve)),
    },
  );
}
