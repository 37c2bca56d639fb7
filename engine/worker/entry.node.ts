import { parentPort } from 'node:worker_threads';
import type { Backend, BackendName } from '../backend.ts';
import { spawnHelper } from '../host/spawn.node.ts';
import type { TrainingCommand } from './protocol.ts';
import { serveTraining } from './session.ts';

/**
 * Entry of a training thread: `new Worker(new URL('engine/worker/entry.node.ts', ...))`. Runs from TypeScript as it is, and
 * bundled as an input of its own.
 */
const port = parentPort;
if (port === null) {
  throw new Error('engine/worker/entry.node.ts is the entry of a worker thread; start it with new Worker(...).');
}

/** Loaded when asked for: the reference backend is no burden on a run that does not use it, and the other way round. */
async function backend(name: BackendName): Promise<Backend> {
  if (name === 'reference') return (await import('../reference/index.ts')).referenceBackend;
  return (await import('../cpu/index.ts')).cpuBackend;
}

serveTraining(
  {
    post: (event, transfer) => port.postMessage(event, transfer),
    on: (listener) => port.on('message', (command: TrainingCommand) => listener(command)),
    close: () => port.close(),
  },
  {
    backend,
    spawn: spawnHelper,
    clock: () => performance.now(),
    // immediates run after the event loop has delivered what other threads posted
    turn: () => new Promise((resolve) => setImmediate(resolve)),
  },
);
