import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { MainPort } from '../../electron/gpu/host.ts';

/** A port of Node's with the manners of Electron's: listeners get an event with the message in `data`. */
export function mainPort(port: MessagePort): MainPort {
  const self = {
    postMessage: (message: unknown) => port.postMessage(message),
    on: (name: string, listener: (event: { data: unknown }) => void) => {
      if (name === 'message') port.on('message', (data: unknown) => listener({ data }));
      else port.on(name, () => listener({ data: undefined }));
      return self;
    },
    start: () => port.start(),
    close: () => port.close(),
  };
  return self as unknown as MainPort;
}

export function mainChannel(): { readonly port1: MainPort; readonly port2: MainPort } {
  const { port1, port2 } = new MessageChannel();
  return { port1: mainPort(port1), port2: mainPort(port2) };
}
