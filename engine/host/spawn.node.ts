import { Worker } from 'node:worker_threads';
import type { SpawnHelper } from '../backend.ts';

/** Starts helper threads as worker_threads. They do not keep the process alive. */
export const spawnHelper: SpawnHelper = (data, onError) => {
  const worker = new Worker(new URL('../worker/helper.node.ts', import.meta.url), { workerData: data });
  let expected = false;
  worker.unref();
  worker.on('error', (error) => {
    expected = true;
    onError(error instanceof Error ? error : new Error(String(error)));
  });
  worker.on('exit', (code) => {
    if (!expected) onError(new Error(`thread exited with code ${code}`));
  });
  return {
    terminate: async () => {
      expected = true;
      await worker.terminate();
    },
  };
};
