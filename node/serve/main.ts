import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { LabError } from '../../lab/contract/errors.ts';
import { compose, type ComposeOptions, type Composition } from '../compose.ts';
import { errnoOf } from '../diskError.ts';
import { openBrowser } from './browser.ts';
import { guard, type GuardRequest } from './guard.ts';
import { answerText, createPage, securityHeaders } from './page.ts';
import { createSocketServer } from './socket.ts';

export interface ServeOptions extends ComposeOptions {
  /** 0: any free one. Default 4173. */
  readonly port?: number;
  /** The page is for this machine only; there is no other choice. */
  readonly host?: '127.0.0.1';
  /** Whether the default browser is opened. Default false. */
  readonly open?: boolean;
  /** What the page shows on connecting; default: 32 random bytes, new at every start. */
  readonly token?: string;
  /** Folder of the built page. Default out/renderer. */
  readonly page?: string;
}

export interface Serving {
  /** With the token in its fragment, which browsers send to no server. */
  readonly address: string;
  readonly port: number;
  readonly home: string;
  /** Whether a browser was found to open. */
  readonly opened: boolean;
  /** The lab itself, for whoever runs the server in its own process. */
  readonly lab: Composition['lab'];
  close(): Promise<void>;
}

export const defaultPort = 4173;
/** Where the page opens its WebSocket: `/socket?token=...`. */
export const socketPath = '/socket';

const builtPage = new URL('../../out/renderer/', import.meta.url);

/**
 * Serves the lab as a page on 127.0.0.1. Throws a LabError when the page is not built, the port is taken, or the home
 * folder cannot be used; nothing is left behind then.
 */
export async function serve(options: ServeOptions = {}): Promise<Serving> {
  const page = createPage(options.page ?? fileURLToPath(builtPage));
  const token = options.token ?? randomBytes(32).toString('base64url');
  const server = createServer();
  // the port first: it is the cheaper thing to ask for, and a taken one must not touch the history
  const port = await listen(server, options.port ?? defaultPort);
  let composition: Composition;
  try {
    composition = await compose({ revectorize: 'remembered', ...options });
  } catch (error) {
    server.close();
    throw error;
  }
  const sockets = createSocketServer(composition.lab);
  const headers = securityHeaders(port);

  server.on('request', (request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const verdict = guard(describe(request, 'page'), { port, token });
    if (verdict.ok) page(request, response);
    else answerText(response, verdict.status, `Refused: ${verdict.reason}.`);
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const verdict = guard(describe(request, 'socket'), { port, token });
    const path = pathOf(request);
    if (verdict.ok && path === socketPath) sockets.accept(request, socket, head);
    else if (!verdict.ok && verdict.status === 401) sockets.refuse(request, socket, head, verdict.reason);
    else
      socket.end(`HTTP/1.1 ${verdict.ok ? '404 Not Found' : `${verdict.status} Refused`}\r\nConnection: close\r\n\r\n`);
  });

  const address = `http://127.0.0.1:${port}/#token=${token}`;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    const ended = new Promise<void>((resolve) => server.close(() => resolve()));
    await composition.close();
    await sockets.close();
    server.closeAllConnections();
    await ended;
  };
  return {
    address,
    port,
    home: composition.home,
    opened: options.open === true && (await openBrowser(address)),
    lab: composition.lab,
    close: () => (closing ??= close()),
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, port)));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve((server.address() as AddressInfo).port));
  });
}

function listenError(error: Error, port: number): LabError {
  const code = errnoOf(error);
  if (code === 'EADDRINUSE') {
    return new LabError(
      'inUse',
      `Port ${port} on 127.0.0.1 is taken by another program, perhaps by another lab. Choose another with --port, or --port 0 for any free one.`,
    );
  }
  if (code === 'EACCES') {
    return new LabError('usage', `Port ${port} may not be used by this user. Choose one above 1023 with --port.`);
  }
  return new LabError('device', `The page server cannot listen on 127.0.0.1:${port}: ${error.message}.`);
}

function describe(request: IncomingMessage, kind: GuardRequest['kind']): GuardRequest {
  const { headers } = request;
  const one = (value: string | string[] | undefined) => (Array.isArray(value) ? value.join(', ') : value);
  return {
    kind,
    method: request.method ?? '',
    host: headers.host,
    origin: headers.origin,
    fetchSite: one(headers['sec-fetch-site']),
    fetchMode: one(headers['sec-fetch-mode']),
    token: kind === 'socket' ? (queryOf(request).get('token') ?? undefined) : undefined,
  };
}

// taken apart by hand: the target of a request can be anything, and `new URL` throws at much of it
const pathOf = (request: IncomingMessage): string => (request.url ?? '').split('?', 1)[0]!;
const queryOf = (request: IncomingMessage): URLSearchParams =>
  new URLSearchParams((request.url ?? '').slice(pathOf(request).length));
