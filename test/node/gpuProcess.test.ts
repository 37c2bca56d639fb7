// The process around a worker of the engine; the workers here are small programs that need no GPU.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it, vi } from 'vitest';
import type { WorkerCommand, WorkerEvent } from '../../engine/index.ts';
import type { EngineWorker } from '../../node/engineWorker.ts';
import { processHost } from '../../node/gpu/host.ts';
import { rememberForms } from '../../node/kernelForms.ts';
import { isAlive, until } from './processes.ts';

vi.setConfig({ testTimeout: 60_000 });

const entryOf = (program: string): URL =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`import { parentPort } from 'node:worker_threads';\nimport { writeSync } from 'node:fs';\n${program}`)}`,
  );
const echo = `parentPort.on('message', (message) => parentPort.postMessage({ ...message, pid: process.pid }));`;
/** Says its process's number and computes for ever. */
const busy = `parentPort.once('message', () => { parentPort.postMessage({ pid: process.pid }); for (;;); });`;

const anything = { kind: 'pause' } as WorkerCommand;
type Heard = WorkerEvent & { readonly pid: number };

/** A worker that runs a program, with what is heard of it in order; `died` comes with the reason. */
function started(program: string): {
  readonly worker: EngineWorker;
  readonly died: Promise<string>;
  readonly heard: Heard[];
  next(): Promise<Heard>;
} {
  const heard: Heard[] = [];
  let asked = 0;
  let tell: () => void = () => undefined;
  const { promise: died, resolve } = Promise.withResolvers<string>();
  const worker = processHost(entryOf(program)).start('one', {
    hear: (event) => {
      heard.push(event as Heard);
      tell();
    },
    died: resolve,
  });
  const next = async (): Promise<Heard> => {
    const at = asked++;
    while (heard.length <= at) await new Promise<void>((go) => (tell = go));
    return heard[at]!;
  };
  return { worker, died, heard, next };
}

it('passes on what both say, and shared memory once, into shared memory', async () => {
  const { worker, next } = started(
    `parentPort.on('message', ({ job }) => {
      const { train, test, other } = job.data;
      globalThis.before ??= train.pixels.buffer;
      parentPort.postMessage({
        sums: [train, test, other].map(({ pixels }) => pixels.reduce((sum, value) => sum + value, 0)),
        shared: [train, test, other].map(({ pixels }) => pixels.buffer instanceof SharedArrayBuffer),
        start: job.start, same: train.pixels[0],
      });
    });`,
  );
  const pixels = new Uint8Array(new SharedArrayBuffer(3_000_000)).fill(3);
  const few = new Uint8Array(new SharedArrayBuffer(10)).fill(5);
  const data = { train: { pixels }, test: { pixels: few }, other: { pixels: new Uint8Array([1, 2]) } };
  const job = { data, start: null, list: [few, { few }] };
  worker.post({ kind: 'start', job } as unknown as WorkerCommand);
  const answer = { sums: [9_000_000, 50, 3], shared: [true, true, false], start: null, same: 3 };
  expect(await next()).toEqual(answer);
  // what comes again is what has come: a change on this side is not seen on the other
  pixels.fill(1);
  const third = new Uint8Array(new SharedArrayBuffer(4)).fill(9);
  const changed = { ...data, other: { pixels: third } };
  worker.post({ kind: 'start', job: { ...job, data: changed } } as unknown as WorkerCommand);
  expect(await next()).toEqual({ ...answer, sums: [9_000_000, 50, 36], shared: [true, true, true] });
  await worker.end();
});

it.each([
  [
    'exits',
    `writeSync(2, 'no such device'); process.exit(3);`,
    /^its process ended with exit code 3\. Its last words: no such device$/,
  ],
  ['throws', `throw new Error('not here');`, /^its process ended with exit code 1\. Its last words: Error: not here/],
])('tells how a worker that %s died, after all that it has sent', async (_how, program, reason) => {
  const { worker, died, heard } = started(`parentPort.once('message', () => {
    for (let i = 0; i < 50; i++) parentPort.postMessage({ i, bytes: new Uint8Array(20_000) });
    ${program}
  });`);
  worker.post(anything);
  expect(await died).toMatch(reason);
  expect(heard).toHaveLength(50);
  // nobody is there any more
  worker.post(anything);
  await worker.end();
});

it('tells what ended the process from outside or in native code, and what that wrote last', async () => {
  const { worker, died, next } = started(`parentPort.on('message', () => {
    writeSync(2, 'bad memory');
    parentPort.postMessage({ pid: process.pid });
  });`);
  worker.post(anything);
  process.kill((await next()).pid, 'SIGKILL');
  const how = process.platform === 'win32' ? 'its process ended with exit code 1' : 'its process was ended by SIGKILL';
  expect(await died).toBe(`${how}. Its last words: bad memory`);
});

it('tells of a program that cannot be loaded', async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  processHost(new URL('file:///nowhere/entry.ts')).start('one', { hear: () => undefined, died: resolve });
  expect(await promise).toMatch(/^its process ended with exit code 1\. .*Cannot find module '\/nowhere\/entry\.ts'/s);
});

it('ends a worker that listens to nobody, and says nothing of it', async () => {
  const { worker, died, next } = started(busy);
  let told: string | undefined;
  void died.then((reason) => (told = reason));
  worker.post(anything);
  const { pid } = await next();
  await Promise.all([worker.end(), worker.end()]);
  expect(isAlive(pid)).toBe(false);
  expect(told).toBeUndefined();
});

it('stays when the terminal asks everybody to end: the lab decides', async ({ skip }) => {
  skip(process.platform === 'win32', 'Windows has no signals between processes');
  const { worker, next } = started(echo);
  worker.post(anything);
  const { pid } = await next();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid, signal);
  worker.post(anything);
  expect(await next()).toEqual({ kind: 'pause', pid });
  await worker.end();
});

it('is gone when the lab is killed, however busy it is', async () => {
  const program = fileURLToPath(new URL('fixtures/labWithBusyWorker.ts', import.meta.url));
  const lab = spawn(process.execPath, [program, entryOf(busy).href], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = Number(await new Promise<Buffer>((resolve) => lab.stdout.once('data', resolve)));
  expect(isAlive(pid)).toBe(true);
  lab.kill('SIGKILL');
  await until(() => !isAlive(pid));
});

it('keeps no process alive that it is not to hold', async () => {
  const program = fileURLToPath(new URL('fixtures/labWithBusyWorker.ts', import.meta.url));
  const lab = spawn(process.execPath, [program, entryOf(busy).href, 'let go'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const out = new Promise<Buffer>((resolve) => lab.stdout.once('data', resolve));
  expect(await new Promise((resolve) => lab.on('exit', resolve))).toBe(0);
  const pid = Number(await out);
  await until(() => !isAlive(pid));
});

it('hands on forms of kernels, there and back', async () => {
  const added: unknown[] = [];
  const known = { 'some adapter': { one: 'small' } };
  const host = rememberForms(
    processHost(
      entryOf(`parentPort.on('message', ({ kind, known }) =>
      parentPort.postMessage(kind === 'forms' ? { kind, adapter: 'some adapter', forms: known['some adapter'] } : { kind: 'paused', step: 1 }));`),
    ),
    { all: () => known, add: ({ adapter, forms }) => added.push([adapter, forms]) },
  );
  const { promise, resolve } = Promise.withResolvers<WorkerEvent>();
  const worker = host.start('one', { hear: resolve, died: () => undefined });
  worker.post({ kind: 'job', name: 'adapter', input: {} });
  expect(await promise).toEqual({ kind: 'paused', step: 1 });
  expect(added).toEqual([['some adapter', { one: 'small' }]]);
  await worker.end();
});
