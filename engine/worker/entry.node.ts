import { totalmem } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { loadBackend, nodeAdapter } from '../host/backends.node.ts';
import { spawnHelper } from '../host/spawn.node.ts';
import { serveJobs, type JobCommand } from './jobServer.ts';
import type { TrainingCommand } from './protocol.ts';
import { serveTraining } from './session.ts';

/**
 * Entry of the engine's threads, for training and for jobs: `new Worker(new URL('engine/worker/entry.node.ts', ...))`. Runs from TypeScript as it is, and
 * bundled as an input of its own.
 */
const port = parentPort;
if (port === null) {
  throw new Error('engine/worker/entry.node.ts is the entry of a worker thread; start it with new Worker(...).');
}

const host = {
  backend: loadBackend,
  adapter: nodeAdapter,
  spawn: spawnHelper,
  // what is in use may be paged out, but a plan larger than the machine would be paged all the time
  memoryLimit: totalmem(),
  clock: () => performance.now(),
  // immediates run after the event loop has delivered what other threads posted
  turn: () => new Promise<void>((resolve) => setImmediate(resolve)),
};

// the first message says what this thread is for: one training run, or jobs, one after the other
port.once('message', (first: TrainingCommand | JobCommand) => {
  if (first.kind === 'job' || first.kind === 'cancelJob') {
    const answer = serveJobs((event) => port.postMessage(event), host);
    answer(first);
    port.on('message', answer);
    return;
  }
  serveTraining(
    {
      post: (event, transfer) => port.postMessage(event, transfer),
      on: (listener) => {
        listener(first);
        port.on('message', listener);
      },
      close: () => port.close(),
    },
    host,
  );
});
