import { loadBackend, webAdapter } from '../host/backends.web.ts';
import { serveWorker, type WorkerCommand, type WorkerHost } from './serve.ts';
import { SharedForms } from './sharedForms.ts';

/**
 * Entry of a Web Worker that trains or does jobs: `new Worker(new URL('engine/worker/entry.web.ts', ...), { type: 'module' })`. Its
 * first message brings the MessagePort over which it is commanded, as the commander may live in another process.
 */
const looped = new MessageChannel();
let delivered: () => void = () => undefined;
looped.port1.onmessage = () => delivered();

const forms = new SharedForms();

const host: WorkerHost = {
  backend: (name) => loadBackend(name, forms),
  adapter: () => webAdapter(forms),
  forms,
  clock: () => performance.now(),
  // a message to oneself comes after those that wait already, and sooner than a timer
  turn: () =>
    new Promise<void>((resolve) => {
      delivered = resolve;
      looped.port2.postMessage(null);
    }),
};

addEventListener(
  'message',
  ({ data }: MessageEvent<{ readonly port: MessagePort }>) => {
    const { port } = data;
    serveWorker(
      {
        post: (event, transfer) => port.postMessage(event, transfer),
        on: (listener) => {
          port.onmessage = ({ data: command }: MessageEvent<WorkerCommand>) => listener(command);
        },
        close: () => port.close(),
      },
      host,
    );
  },
  { once: true },
);
