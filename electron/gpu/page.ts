/**
 * The page of the hidden window for the GPU. For each pair of ports that comes in, it starts a worker of the engine: the first
 * port is the line between the main process and that worker, the second one is for the worker's life and death. It knows nothing
 * of Electron: the ports come as a message to the window (preload.ts), and a test sends them in the same way.
 */
import { gpuPorts, type ControlCommand, type ControlEvent } from '../channels.ts';

addEventListener('message', (event: MessageEvent<unknown>) => {
  const [line, control] = event.ports;
  if (event.source !== window || event.data !== gpuPorts || line === undefined || control === undefined) return;
  const worker = new Worker(new URL('../../engine/worker/entry.web.ts', import.meta.url), { type: 'module' });
  const tell = (message: string): void => control.postMessage({ kind: 'died', message } satisfies ControlEvent);
  worker.addEventListener('error', ({ message, filename, lineno }) => {
    tell(message ? `${message} (${filename.split('/').at(-1)}:${lineno})` : 'its program could not be loaded');
    worker.terminate();
  });
  worker.addEventListener('messageerror', () => tell('it sent something that cannot be read'));
  control.addEventListener('message', ({ data }: MessageEvent<ControlCommand>) => {
    if (data.kind !== 'end') return;
    worker.terminate();
    control.close();
  });
  control.start();
  worker.postMessage({ port: line }, [line]);
});
