// The main process's side of the hidden window, with ports and a window that are played here.
import { setTimeout as wait } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { createGpuHost, unshared, type GpuHostOptions, type MainPort } from '../../electron/gpu/host.ts';
import type { WorkerEvent } from '../../engine/index.ts';
import { mainChannel } from './ports.ts';

interface Played {
  readonly sent: (readonly [line: MainPort, control: MainPort])[];
  gone(reason: string): void;
  ready(): void;
  fail(error: Error): void;
  destroyed: boolean;
}

function host(options: Partial<GpuHostOptions> = {}, loads = true) {
  const windows: Played[] = [];
  const made = createGpuHost({
    channel: mainChannel,
    open: (gone) => {
      const { promise, resolve, reject } = Promise.withResolvers<undefined>();
      const window: Played = { sent: [], gone, ready: () => resolve(undefined), fail: reject, destroyed: false };
      windows.push(window);
      if (loads) resolve(undefined);
      return {
        ready: promise.then(() => undefined),
        send: (ports) => window.sent.push(ports),
        destroy: () => void (window.destroyed = true),
      };
    },
    ...options,
  });
  const start = () => {
    const heard: WorkerEvent[] = [];
    const deaths: string[] = [];
    const worker = made.start('run 1', {
      hear: (event) => heard.push(event),
      died: (reason) => deaths.push(reason),
    });
    return { worker, heard, deaths };
  };
  return { ...made, start, close: () => made.close(), windows };
}

/** The page's end of a worker that was sent to it. */
async function pageEnd(window: Played, index = 0) {
  await vi.waitFor(() => expect(window.sent.length).toBeGreaterThan(index), 15_000);
  const [line, control] = window.sent[index]!;
  const commands: unknown[] = [];
  const asked: unknown[] = [];
  line.on('message', ({ data }) => commands.push(data));
  control.on('message', ({ data }) => asked.push(data));
  line.start();
  control.start();
  return { line, control, commands, asked };
}

const training = { kind: 'pause' } as const;

it('opens one window when the first worker is asked for, and passes messages both ways, also early ones', async () => {
  const gpu = host({}, false);
  expect(gpu.windows).toHaveLength(0);
  const first = gpu.start();
  const second = gpu.start();
  first.worker.post(training);
  expect(gpu.windows).toHaveLength(1);
  expect(gpu.windows[0]!.sent).toHaveLength(0);
  gpu.windows[0]!.ready();
  const page = await pageEnd(gpu.windows[0]!, 0);
  const other = await pageEnd(gpu.windows[0]!, 1);
  await vi.waitFor(() => expect(page.commands).toEqual([training]), 15_000);
  page.line.postMessage({ kind: 'paused', step: 3 });
  await vi.waitFor(() => expect(first.heard).toEqual([{ kind: 'paused', step: 3 }]), 15_000);
  expect([second.heard, other.commands]).toEqual([[], []]);
  gpu.close();
});

it('ends a worker through its control, and hears nothing of it afterwards', async () => {
  const gpu = host();
  const { worker, heard, deaths } = gpu.start();
  const page = await pageEnd(gpu.windows[0]!);
  await worker.end();
  await worker.end();
  await vi.waitFor(() => expect(page.asked).toEqual([{ kind: 'end' }]), 15_000);
  page.line.postMessage({ kind: 'paused', step: 3 });
  worker.post(training);
  await wait(20);
  expect([heard, deaths, page.commands]).toEqual([[], [], []]);
  gpu.close();
});

it('destroys the window when nothing was in it for a while, and opens a new one for the next worker', async () => {
  const gpu = host({ idle: 30 });
  const first = gpu.start();
  const second = gpu.start();
  await first.worker.end();
  await wait(60);
  expect(gpu.windows[0]!.destroyed).toBe(false);
  await second.worker.end();
  await vi.waitFor(() => expect(gpu.windows[0]!.destroyed).toBe(true), 15_000);
  const third = gpu.start();
  expect(gpu.windows).toHaveLength(2);
  await third.worker.end();
  const fourth = gpu.start();
  await wait(60);
  expect(gpu.windows).toHaveLength(2);
  expect(gpu.windows[1]!.destroyed).toBe(false);
  expect([first, second, third, fourth].flatMap(({ deaths }) => deaths)).toEqual([]);
  gpu.close();
});

it('tells every worker when the window is gone, and opens another one for the next', async () => {
  const gpu = host();
  const workers = [gpu.start(), gpu.start()];
  await pageEnd(gpu.windows[0]!, 1);
  gpu.windows[0]!.gone('the process of its window ended (crashed)');
  for (const { deaths } of workers) expect(deaths).toEqual(['the process of its window ended (crashed)']);
  // late news of the old window is no news
  gpu.start();
  gpu.windows[0]!.gone('once more');
  expect(gpu.windows).toHaveLength(2);
  expect(gpu.windows[1]!.destroyed).toBe(false);
  gpu.close();
});

it('tells a worker of its own death only', async () => {
  const gpu = host();
  const [first, second] = [gpu.start(), gpu.start()];
  const page = await pageEnd(gpu.windows[0]!, 0);
  page.control.postMessage({ kind: 'died', message: 'out of memory (entry.web.js:1)' });
  await vi.waitFor(() => expect(first.deaths).toEqual(['out of memory (entry.web.js:1)']), 15_000);
  const other = await pageEnd(gpu.windows[0]!, 1);
  // a page that goes without a word closes its ports
  other.control.close();
  await vi.waitFor(() => expect(second.deaths).toEqual(['the page it ran in is gone']), 15_000);
  gpu.close();
});

it('gives up a window whose page does not load, with the reason', async () => {
  const failing = host({}, false);
  const first = failing.start();
  failing.windows[0]!.fail(new Error('ERR_FILE_NOT_FOUND'));
  await vi.waitFor(() => expect(first.deaths).toEqual(['ERR_FILE_NOT_FOUND']), 15_000);
  expect(failing.windows[0]!.destroyed).toBe(true);
  const slow = host({ patience: 30 }, false);
  const second = slow.start();
  await vi.waitFor(
    () => expect(second.deaths).toEqual(['the window for the GPU did not load within 0.03 seconds']),
    15_000,
  );
});

it('copies what lies in shared memory, and nothing else', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(8)).subarray(2, 5).fill(7);
  const own = new Float32Array(3);
  const given = { job: { data: { train: { pixels: shared, count: 1 } }, resumeFrom: own, list: [shared, null] }, n: 1 };
  const copy = unshared(given);
  expect(copy).toEqual(given);
  expect(copy.job.data.train.pixels.buffer).toBeInstanceOf(ArrayBuffer);
  expect(copy.job.data.train.pixels.buffer.byteLength).toBe(3);
  expect(copy.job.resumeFrom).toBe(own);
  expect(() => structuredClone(copy)).not.toThrow();
});
