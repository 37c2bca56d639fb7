import type { LabClient } from '../../lab/contract/client.ts';
import { connectLab } from '../../lab/contract/rpc.ts';
import { Refused, type Connect } from './link.ts';

/** Close code of a server that does not know this page's token: it was started again since the page was opened. */
const unauthorised = 4401;

/**
 * The lab behind a WebSocket of the server that this page came from. A connection counts as open once the lab has
 * answered a first call: a handshake alone says nothing about the token.
 */
export function socketConnect(address: () => string): Connect {
  return (closed) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(address());
      const closers: (() => void)[] = [];
      let open = false;
      socket.addEventListener('open', () => {
        const client = clientOf(socket, closers);
        client.call('app.info', {}).then(
          () => {
            open = true;
            resolve(client);
          },
          () => {
            // the close event tells why
            if (socket.readyState === WebSocket.OPEN) socket.close();
          },
        );
      });
      socket.addEventListener('close', (event) => {
        for (const closer of closers) closer();
        if (open) closed();
        else if (event.code === unauthorised) reject(new Refused(event.reason));
        else reject(new Error('the server does not answer'));
      });
    });
}

function clientOf(socket: WebSocket, closers: (() => void)[]): LabClient {
  const client = connectLab({
    post: (message) => {
      if (socket.readyState !== WebSocket.OPEN) throw new Error('the connection is closed');
      socket.send(JSON.stringify(message));
    },
    on: (listener) => {
      socket.addEventListener('message', (event: MessageEvent<unknown>) => {
        if (typeof event.data === 'string') listener(parse(event.data));
      });
    },
    onClose: (listener) => closers.push(listener),
  });
  return {
    ...client,
    close: () => {
      client.close();
      socket.close();
    },
  };
}

/** Broken JSON becomes a message that means nothing, which the client passes over. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
