import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import type { LabServer } from '../../lab/contract/client.ts';
import { serveLab, type Port } from '../../lab/contract/rpc.ts';

/** Largest message a page may send. A spec takes kilobytes; a call with 10,000 run ids half a megabyte. */
const maximumMessage = 8 * 2 ** 20;
/** A page that reads slower than this much piles up is cut off; it connects again and reads anew. */
const maximumBacklog = 64 * 2 ** 20;
/** Connections at once: each open tab takes one. */
const maximumSockets = 64;
const heartbeat = 30_000;

/** Close code of a connection with no or a wrong token: a page cannot see the HTTP status of a refused handshake. */
export const closeUnauthorised = 4401;
const closeTooSlow = 4408;
const closeTooMany = 4429;

export interface SocketServer {
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Completes the handshake and closes at once with a code that the page can read; nothing is served. */
  refuse(request: IncomingMessage, socket: Duplex, head: Buffer, reason: string): void;
  close(): Promise<void>;
}

/** Serves the contract to every WebSocket that was let in. Messages are JSON texts. */
export function createSocketServer(lab: LabServer): SocketServer {
  const server = new WebSocketServer({ noServer: true, maxPayload: maximumMessage, perMessageDeflate: false });
  const alive = new WeakSet<WebSocket>();
  const timer = setInterval(() => {
    for (const socket of server.clients) {
      if (!alive.delete(socket)) socket.terminate();
      else socket.ping();
    }
  }, heartbeat);
  timer.unref();

  return {
    accept: (request, socket, head) => {
      server.handleUpgrade(request, socket, head, (client) => {
        if (server.clients.size > maximumSockets) {
          client.close(closeTooMany, 'too many open pages; close some');
          return;
        }
        alive.add(client);
        client.on('pong', () => alive.add(client));
        serveLab(lab, portOf(client));
      });
    },
    refuse: (request, socket, head, reason) => {
      server.handleUpgrade(request, socket, head, (client) => {
        client.on('error', () => undefined);
        client.close(closeUnauthorised, reason.slice(0, 120));
      });
    },
    close: async () => {
      clearInterval(timer);
      for (const client of server.clients) client.close(1001, 'the lab was closed');
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // a page that does not answer the goodbye does not hold up the end of the program
      const force = setTimeout(() => {
        for (const client of server.clients) client.terminate();
      }, 500);
      await closed;
      clearTimeout(force);
    },
  };
}

function portOf(socket: WebSocket): Port {
  // a message over the limit, a broken frame: ws closes the connection itself, `close` follows
  socket.on('error', () => undefined);
  return {
    post: (message) => {
      if (socket.readyState !== WebSocket.OPEN) return;
      if (socket.bufferedAmount > maximumBacklog) {
        socket.close(closeTooSlow, 'this page reads too slowly');
        return;
      }
      socket.send(JSON.stringify(message));
    },
    on: (listener) => {
      socket.on('message', (data: Buffer, isBinary: boolean) => {
        listener(isBinary ? null : parse(data.toString('utf8')));
      });
    },
    onClose: (listener) => {
      if (socket.readyState === WebSocket.CLOSED) listener();
      else socket.on('close', listener);
    },
  };
}

/** What is no JSON becomes a message that is no call; the lab answers that it is none. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
