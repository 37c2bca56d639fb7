// The page of the desktop app's hidden window as it is built, with the app's own headers, in a plain Chromium, commanded by the
// app's own trainer and jobs. Only Electron's window and ports are played (playedWindow.ts).
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import type { TrainingEvent } from '../../engine/index.ts';
import { specSchema } from '../../lab/contract/spec.ts';
import type { TrainingHandle } from '../../lab/ports.ts';
import { createJobs } from '../../node/jobs.ts';
import { createTrainer } from '../../node/trainer.ts';
import { build } from '../../scripts/build.ts';
import { images, rowsSpec } from '../node/rows.ts';
import { playedGpuHost, serveAsApp } from './playedWindow.ts';

const root = join(import.meta.dirname, '../..');
const entry = new URL('../../engine/worker/entry.node.ts', import.meta.url);
const datasets = { images: () => Promise.resolve(images()) };
const spec = (kind: string, steps = 12) =>
  specSchema.parse({ ...rowsSpec(steps), backend: { kind, fallback: true, threads: 1 } });

let served: Awaited<ReturnType<typeof serveAsApp>>;
let gpu: ReturnType<typeof playedGpuHost>;
let hasGpu = false;

test.beforeAll(async ({ browser }) => {
  build('desktop');
  served = await serveAsApp(join(root, 'out/gpu'));
  gpu = playedGpuHost(browser, served.address);
  const jobs = createJobs({ datasets, entry, gpu });
  const { adapter } = await jobs.run('adapter', null, {});
  hasGpu = adapter !== null;
  await jobs.close();
});
test.afterAll(() => {
  gpu.close();
  served.close();
});

function train(
  kind: string,
  steps: number,
  react: (event: TrainingEvent, handle: TrainingHandle) => void = () => undefined,
): Promise<TrainingEvent[]> {
  const trainer = createTrainer({ datasets, entry, checkpointSeconds: 0.001, gpu });
  const events: TrainingEvent[] = [];
  return new Promise((resolve) => {
    const handle = trainer.start({ runId: 'r1', spec: spec(kind, steps), threads: 1, resumeFrom: null }, (event) => {
      events.push(event);
      react(event, handle);
      if (event.kind === 'finished' || event.kind === 'failed') resolve(events);
    });
  });
}
const losses = (events: readonly TrainingEvent[]): number[] =>
  events.flatMap((event) => (event.kind === 'progress' ? [...event.loss] : []));
const choices = (events: readonly TrainingEvent[]) =>
  events.flatMap((event) => (event.kind === 'backend' ? [event.choice] : []));

test('answers for the adapter, and breaks no rule of its headers', async () => {
  const jobs = createJobs({ datasets, entry, gpu });
  const { adapter } = await jobs.run('adapter', null, {});
  await jobs.close();
  if (adapter !== null) expect(adapter.name.length).toBeGreaterThan(0);
  expect(gpu.pages).toHaveLength(1);
  expect(await gpu.pages[0]!.evaluate('crossOriginIsolated && isSecureContext')).toBe(true);
  expect(await gpu.pages[0]!.evaluate("fetch('/index.html').then(() => 'let through', () => 'refused')")).toBe(
    'refused',
  );
  // the refused request is the one complaint of the policy
  expect(gpu.complaints.filter((text) => !/connect-src|default-src|Fetch API/.test(text))).toEqual([]);
});

test('trains with the curve of the CPU', async () => {
  test.skip(!hasGpu, 'Chromium has no WebGPU here, not even in software');
  const onGpu = await train('webgpu', 12);
  expect(onGpu.at(-1)).toMatchObject({ kind: 'finished', reason: 'completed', step: 12 });
  expect(choices(onGpu)).toMatchObject([{ asked: 'webgpu', backend: 'webgpu' }]);
  expect(onGpu.find(({ kind }) => kind === 'ready')).toMatchObject({ backend: 'webgpu' });
  const expected = losses(await train('cpu', 12));
  const found = losses(onGpu);
  expect(found).toHaveLength(12);
  found.forEach((loss, step) => expect(Math.abs(loss - expected[step]!), `step ${step + 1}`).toBeLessThan(1e-4));
});

test('with auto is passed by where its adapter is software', async () => {
  test.skip(!hasGpu, 'Chromium has no WebGPU here, not even in software');
  const [choice] = choices(await train('auto', 4));
  expect(choice!.adapter).not.toBeNull();
  if (/swiftshader/i.test(choice!.adapter!)) expect(choice).toMatchObject({ backend: 'cpu', measured: [] });
});

test('measures a step, in a worker that stays for the next job', async () => {
  test.skip(!hasGpu, 'Chromium has no WebGPU here, not even in software');
  const jobs = createJobs({ datasets, entry, gpu });
  const request = { spec: spec('webgpu'), threads: 1, checkpoint: null };
  const first = await jobs.run('timing', request, { milliseconds: 20 });
  expect(first.millisecondsPerStep).toBeGreaterThan(0);
  await jobs.run('timing', request, { milliseconds: 20 });
  await jobs.close();
});

test('that dies loses the device: the run goes on from its checkpoint on the CPU', async () => {
  test.skip(!hasGpu, 'Chromium has no WebGPU here, not even in software');
  let closed = false;
  const events = await train('webgpu', 60, (event) => {
    if (event.kind !== 'checkpoint' || closed) return;
    closed = true;
    void gpu.pages.at(-1)!.close();
  });
  expect(events.at(-1)).toMatchObject({ kind: 'finished', reason: 'completed', step: 60 });
  const [first, second] = choices(events);
  expect([first!.backend, second!.backend]).toEqual(['webgpu', 'cpu']);
  expect(second!.reason).toMatch(/What it ran in is gone: .* goes on from its last checkpoint on the CPU\.$/);
  // and the next one opens a window of its own
  const pages = gpu.pages.length;
  expect((await train('webgpu', 3)).at(-1)).toMatchObject({ kind: 'finished' });
  expect(gpu.pages).toHaveLength(pages + 1);
});
