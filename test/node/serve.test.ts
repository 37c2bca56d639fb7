import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { connect, createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { LabClient } from '../../lab/contract/client.ts';
import { methods } from '../../lab/contract/methods.ts';
import { connectLab } from '../../lab/contract/rpc.ts';
import { compose } from '../../node/compose.ts';
import { openCommand } from '../../node/serve/browser.ts';
import { serve, type Serving } from '../../node/serve/main.ts';
import { tinySpec } from './cliProcess.ts';

vi.setConfig({ testTimeout: 60_000 });

const folder = mkdtempSync(join(tmpdir(), 'ablate-serve-'));
const page = join(folder, 'page');
let serving: Serving;

beforeAll(async () => {
  mkdirSync(join(page, 'assets'), { recursive: true });
  writeFileSync(join(page, 'index.html'), '<!doctype html><title>Ablate</title>');
  writeFileSync(join(page, 'assets', 'main-abc123.js'), 'export {};');
  writeFileSync(join(page, '.secret'), 'hidden');
  writeFileSync(join(folder, 'outside.txt'), 'outside');
  serving = await serve({ port: 0, home: join(folder, 'home'), page });
});
afterAll(async () => {
  await serving.close();
  rmSync(folder, { recursive: true, force: true });
});

const token = () => new URL(serving.address).hash.replace('#token=', '');

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A plain request: unlike fetch it sends the path and the headers as they are. */
function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port: serving.port, path, headers, method }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    });
    request.on('error', reject);
    request.end();
  });
}

interface Opened {
  readonly socket: WebSocket;
  /** Settles when it is open, or was closed or refused before. */
  readonly outcome: Promise<'open' | { closed: number; reason: string } | { status: number }>;
}

function open(query: string, headers: Record<string, string> = {}): Opened {
  const socket = new WebSocket(`ws://127.0.0.1:${serving.port}/socket${query}`, { headers });
  const outcome = new Promise<Awaited<Opened['outcome']>>((resolve) => {
    socket.on('error', () => undefined);
    socket.on('unexpected-response', (_request, response) => resolve({ status: response.statusCode! }));
    socket.on('close', (closed, reason) => resolve({ closed, reason: reason.toString() }));
    // a refusal in words comes right after the handshake, so before any answer
    socket.on('open', () => socket.ping());
    socket.on('pong', () => resolve('open'));
  });
  return { socket, outcome };
}

/** The contract over a WebSocket, as the page speaks it. */
async function client(): Promise<{ lab: LabClient; socket: WebSocket }> {
  const { socket, outcome } = open(`?token=${token()}`, { origin: `http://127.0.0.1:${serving.port}` });
  expect(await outcome).toBe('open');
  const lab = connectLab({
    post: (message) => socket.send(JSON.stringify(message)),
    on: (listener) => socket.on('message', (data: Buffer) => listener(JSON.parse(data.toString()))),
    onClose: (listener) => socket.on('close', listener),
  });
  return { lab, socket };
}

describe('the page', () => {
  it('comes with every header that keeps other sites out', async () => {
    const { status, headers, body } = await get('/');
    expect(status).toBe(200);
    expect(body).toContain('<title>Ablate</title>');
    const policy = headers['content-security-policy'] as string;
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toMatch(/script-src[^;]*unsafe/);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain(`ws://127.0.0.1:${serving.port}`);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    expect(headers['set-cookie']).toBeUndefined();
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  it('keeps files that are named by their content, and asks again for the others', async () => {
    const script = await get('/assets/main-abc123.js');
    expect(script.headers['cache-control']).toContain('immutable');
    expect(script.headers['content-type']).toContain('javascript');
    expect(script.headers['x-content-type-options']).toBe('nosniff');
  });

  it('is all there is: nothing outside its folder, nothing hidden, nothing under other names', async () => {
    const paths = [
      '/../outside.txt',
      '/..%2foutside.txt',
      '/%2e%2e/outside.txt',
      '/assets/../../outside.txt',
      '/.secret',
      '/nothing',
      '//etc/passwd',
      '/%00',
      '/%',
    ];
    for (const path of paths) {
      const { status, body } = await get(path);
      expect([path, status]).toEqual([path, 404]);
      expect(body).not.toMatch(/outside$|hidden|root:/);
    }
  });

  it('is refused under a foreign name (DNS rebinding), to other sites, and with other methods', async () => {
    expect((await get('/', { host: 'attacker.example' })).status).toBe(421);
    expect((await get('/', { host: `attacker.example:${serving.port}` })).status).toBe(421);
    expect((await get('/', { origin: 'https://attacker.example' })).status).toBe(403);
    expect(
      (await get('/assets/main-abc123.js', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).status,
    ).toBe(403);
    expect((await get('/', {}, 'POST')).status).toBe(405);
    expect((await get('/', {}, 'OPTIONS')).status).toBe(405);
  });
});

describe('the WebSocket', () => {
  const origin = () => ({ origin: `http://127.0.0.1:${serving.port}` });

  it('is closed with a code that the page can read when the token is missing or wrong', async () => {
    for (const query of ['', '?token=', '?token=wrong', `?token=${token()}x`, `?Token=${token()}`]) {
      const outcome = await open(query, origin()).outcome;
      expect(outcome).toMatchObject({ closed: 4401, reason: expect.stringContaining('open the address') as string });
    }
  });

  it('is refused before the handshake to other sites, under foreign names and on other paths', async () => {
    const right = `?token=${token()}`;
    expect(await open(right, { origin: 'https://attacker.example' }).outcome).toEqual({ status: 403 });
    expect(await open(right, { ...origin(), host: 'attacker.example' }).outcome).toEqual({ status: 421 });
    expect(await open(right, { ...origin(), 'sec-fetch-site': 'cross-site' }).outcome).toEqual({ status: 403 });
    expect(await open(`/other${right}`, origin()).outcome).toEqual({ status: 404 });
  });

  it('carries the contract: calls, errors and a run from its creation to its end', async () => {
    const { lab, socket } = await client();
    const info = methods['app.info'].output.parse(await lab.call('app.info', {}));
    expect(info.home).toBe(join(folder, 'home'));
    await expect(lab.call('runs.get', { id: 'zzz' })).rejects.toMatchObject({ code: 'notFound' });
    await expect(lab.call('runs.create', { spec: { ablate: 1 } })).rejects.toMatchObject({ code: 'spec' });
    await expect(lab.call('runs.list', { limit: -1 })).rejects.toMatchObject({ code: 'invalid' });

    const points: number[] = [];
    const finished = new Promise<string | null>((resolve) => {
      lab.on((event) => {
        if (event.name === 'run.series') {
          points.push(...(event.data.series.find((each) => each.name === 'train.loss')?.steps ?? []));
        }
        if (event.name === 'run.changed' && event.data.run.status === 'finished') resolve(event.data.run.resultHash);
      });
    });
    const [run] = await lab.call('runs.create', { spec: tinySpec });
    expect(await finished).toMatch(/^[0-9a-f]{64}$/);
    expect(points).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    const series = await lab.call('runs.series', { id: run!.id, names: ['validation.accuracy'] });
    expect(series[0]!.steps).toEqual([10, 20, 30, 40]);
    const samples = await lab.call('datasets.samples', { id: 'mnist', offset: 0, count: 3 });
    expect(samples.labels).toEqual([5, 0, 4]);
    expect(Buffer.from(samples.pixels, 'base64')).toHaveLength(3 * 784);
    lab.close();
    socket.close();
  });

  it('answers garbage with an error, cuts off what is too large, and lives on', async () => {
    const { socket } = await client();
    const replies: unknown[] = [];
    socket.on('message', (data: Buffer) => replies.push(JSON.parse(data.toString())));
    for (const message of [
      'garbage',
      '[]',
      'null',
      '{"kind":"call"}',
      '{"kind":"call","id":7,"name":"__proto__","input":{}}',
    ]) {
      socket.send(message);
    }
    socket.send(Buffer.from([1, 2, 3]));
    await vi.waitFor(() => expect(replies).toHaveLength(6), 15_000);
    expect(replies).toEqual(
      Array.from({ length: 6 }, () => expect.objectContaining({ kind: 'reply', ok: false }) as unknown),
    );
    expect(replies).toContainEqual(
      expect.objectContaining({ id: 7, error: expect.objectContaining({ code: 'usage' }) as unknown }),
    );
    const closed = new Promise<number>((resolve) => socket.on('close', resolve));
    socket.send('x'.repeat(9 * 2 ** 20));
    expect(await closed).toBe(1009);
    const again = await client();
    expect((await again.lab.call('datasets.list', {})).length).toBe(2);
    again.socket.terminate();
  });

  it('survives raw nonsense on the port', async () => {
    for (const bytes of [
      '\0\0\0\0',
      'GET',
      'GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connect(serving.port, '127.0.0.1', () => socket.end(bytes));
        socket.on('close', () => resolve());
        socket.on('error', () => resolve());
        socket.resume();
        setTimeout(() => socket.destroy(), 300);
      });
    }
    expect((await get('/')).status).toBe(200);
  });
});

describe('where it listens', () => {
  const reachable = (host: string) =>
    new Promise<boolean>((resolve) => {
      const socket = connect({ host, port: serving.port });
      // for an address that swallows what it is sent; one of this machine answers at once, however late it is heard
      socket.setTimeout(10_000, () => socket.destroy());
      socket.on('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => resolve(false));
      socket.on('close', () => resolve(false));
    });

  it('is the loopback address, and no address by which another machine could reach this one', async () => {
    expect(await reachable('127.0.0.1')).toBe(true);
    const others = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .filter((each) => !each.internal && !each.address.startsWith('fe80'))
      .map((each) => each.address);
    // answers when a server listens on every address, as 0.0.0.0 would; only Linux has it without being asked
    if (process.platform === 'linux') others.push('127.0.0.2');
    for (const host of others) expect([host, await reachable(host)]).toEqual([host, false]);
  });

  it.runIf(process.platform === 'linux')('is one socket, bound to 127.0.0.1, in the system table', () => {
    const port = serving.port.toString(16).toUpperCase().padStart(4, '0');
    const listening = ['/proc/net/tcp', '/proc/net/tcp6']
      .flatMap((path) => readFileSync(path, 'utf8').split('\n'))
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A' && fields[1]?.endsWith(`:${port}`))
      .map((fields) => fields[1]);
    expect(listening).toEqual([`0100007F:${port}`]);
  });
});

describe('a start that cannot be', () => {
  const other = () => join(folder, `home-${Math.random().toString(36).slice(2)}`);

  it('on a port that is taken: in use, with what to do', async () => {
    const squatter = createServer();
    const port = await new Promise<number>((resolve) => {
      squatter.listen(0, '127.0.0.1', () => resolve((squatter.address() as { port: number }).port));
    });
    await expect(serve({ port, home: other(), page })).rejects.toMatchObject({
      code: 'inUse',
      message: expect.stringMatching(new RegExp(`Port ${port} on 127\\.0\\.0\\.1 is taken.*--port`)) as string,
    });
    squatter.close();
  });

  it('on a history that is in use: the port is given back', async () => {
    const port = await new Promise<number>((resolve) => {
      const probe = createServer().listen(0, '127.0.0.1', () => {
        const { port: found } = probe.address() as { port: number };
        probe.close(() => resolve(found));
      });
    });
    await expect(serve({ port, home: join(folder, 'home'), page })).rejects.toMatchObject({ code: 'inUse' });
    const next = await serve({ port, home: other(), page });
    expect(next.port).toBe(port);
    await next.close();
    await next.close();
  });

  it('without a built page: what to run', async () => {
    const empty = join(folder, 'empty');
    await expect(serve({ port: 0, home: other(), page: empty })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/page is not built.*npm run build:web/) as string,
    });
  });
});

describe('the end', () => {
  it('has a running run write a checkpoint, tells open pages, and gives the history back', async () => {
    const home = join(folder, 'ending');
    const next = await serve({ port: 0, home, page });
    const long = { ...tinySpec, training: { ...tinySpec.training, length: { steps: 5_000_000 } } };
    const [run] = await next.lab.call('runs.create', { spec: long });
    await vi.waitFor(
      async () => expect((await next.lab.call('runs.get', { id: run!.id })).step).toBeGreaterThan(0),
      30_000,
    );
    const socket = new WebSocket(`ws://127.0.0.1:${next.port}/socket?token=${new URL(next.address).hash.slice(7)}`);
    await new Promise((resolve) => socket.on('open', resolve));
    const closed = new Promise<number>((resolve) => socket.on('close', resolve));
    await next.close();
    expect(await closed).toBe(1001);
    const { lab, close } = await compose({ home, autoStart: false });
    const found = await lab.call('runs.get', { id: run!.id });
    await close();
    expect(found.status).toBe('interrupted');
    expect(found.checkpointStep).toBe(found.step);
    expect(found.step).toBeGreaterThan(0);
  });
});

describe('tokens', () => {
  it('are new at every start and long', async () => {
    const next = await serve({ port: 0, home: join(folder, 'second'), page });
    const found = new URL(next.address).hash;
    await next.close();
    expect(found).toMatch(/^#token=[\w-]{43}$/);
    expect(found).not.toBe(new URL(serving.address).hash);
  });
});

describe('the browser', () => {
  it('is opened by the command of each platform, and not where there is no screen', () => {
    expect(openCommand('linux', {})).toBeNull();
    expect(openCommand('linux', { DISPLAY: ':0' })).toEqual(['xdg-open']);
    expect(openCommand('linux', { WAYLAND_DISPLAY: 'wayland-0' })).toEqual(['xdg-open']);
    expect(openCommand('darwin', {})).toEqual(['open']);
    expect(openCommand('win32', {})?.[0]).toBe('rundll32');
  });
});
