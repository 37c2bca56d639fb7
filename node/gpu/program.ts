/**
 * Program of a process that holds one worker of the engine (host.ts): `fork(program, [entry of the worker])`. The worker is a thread, and
 * this one does nothing but pass on what the lab and the worker say. So it notices at once that the lab is gone, however busy, or hung, the
 * driver is in the other.
 */
import { readSync, writeSync } from 'node:fs';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { SharedIn, type SharedMessage } from './shared.ts';

/** At once, whatever native code is doing. Leaving in order would wait for it, or crash in it. */
const vanish = (): void => void process.kill(process.pid, 'SIGKILL');

process.on('disconnect', vanish);
if (!process.connected) vanish();
// where Ctrl+C reaches this process too, the lab decides what becomes of a run (host.ts)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

// the environment is shared, so that the thread can tell a graphics driver to the process (engine/host/vulkan.node.ts)
const worker = new Worker(new URL(process.argv[2]!), { env: SHARE_ENV });
const shared = new SharedIn((into) => {
  const count = readSync(0, into);
  if (count === 0) vanish();
  return count;
});
let [unsent, ended] = [0, NaN];

const leave = (): void => {
  if (unsent === 0 && !Number.isNaN(ended)) process.exit(ended);
};
worker.on('message', (event: object) => {
  unsent++;
  process.send!(event, () => {
    unsent--;
    leave();
  });
});
worker.on('error', (error) => {
  // not process.stderr, which may be slower than the end of the process
  writeSync(2, `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
});
worker.on('exit', (code) => {
  ended = code;
  leave();
});
process.on('message', (message: SharedMessage) => worker.postMessage(shared.unpack(message)));
