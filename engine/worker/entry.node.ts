import { totalmem } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { loadBackend, nodeAdapter } from '../host/backends.node.ts';
import { spawnHelper } from '../host/spawn.node.ts';
import { serveWorker } from './serve.ts';
import { SharedForms } from './sharedForms.ts';

/**
 * Entry of the engine's threads, for training and for jobs: `new Worker(new URL('engine/worker/entry.node.ts', ...))`. Runs from
 * TypeScript as it is, and bundled as an input of its own.
 */
const port = parentPort;
if (port === null) {
  throw new Error('engine/worker/entry.node.ts is the entry of a worker thread; start it with new Worker(...).');
}

const forms = new SharedForms();

serveWorker(
  {
    post: (event, transfer) => port.postMessage(event, transfer),
    on: (listener) => port.on('message', listener),
    close: () => port.close(),
  },
  {
    backend: (name) => loadBackend(name, forms),
    adapter: (software) => nodeAdapter(software, forms),
    forms,
    spawn: spawnHelper,
    // what is in use may be paged out, but a plan larger than the machine would be paged all the time
    memoryLimit: totalmem(),
    clock: () => performance.now(),
    // immediates run after the event loop has delivered what other threads posted
    turn: () => new Promise<void>((resolve) => setImmediate(resolve)),
  },
);
