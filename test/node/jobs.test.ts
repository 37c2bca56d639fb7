import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, it } from 'vitest';
import { specSchema } from '../../lab/contract/spec.ts';
import { createJobs } from '../../node/jobs.ts';
import { images, rowsSpec } from './rows.ts';

const entry = new URL('../../engine/worker/entry.node.ts', import.meta.url);
const jobs = createJobs({ datasets: { images: () => Promise.resolve(images()) }, entry, workers: 1, grace: 200 });
afterAll(() => jobs.close());

const spec = specSchema.parse(rowsSpec(100));
const request = { spec, threads: 1, checkpoint: null };
const preview = { images: [0, 1, 2, 3], focus: 0, channels: 4 };

describe('jobs in worker threads', { timeout: 60_000 }, () => {
  it('answer with what the job computed, one after the other on one thread', async () => {
    const [first, second] = await Promise.all([
      jobs.run('preview', request, preview),
      jobs.run('timing', request, { milliseconds: 50 }),
    ]);
    expect(first.nodes.map(({ id }) => id)).toEqual(spec.model.nodes.map(({ id }) => id));
    expect(second.stepsPerEpoch).toBeGreaterThan(0);
  });

  it('tell how far they are', async () => {
    const told: number[] = [];
    await jobs.run('timing', request, { milliseconds: 400 }, { progress: (done) => told.push(done) });
    expect(told.length).toBeGreaterThan(1);
    expect(told).toEqual([...told].sort((a, b) => a - b));
  });

  it('can be cancelled, and the next one runs', async () => {
    const stop = new AbortController();
    // as soon as it is at work, which it would be for long
    const watch = { signal: stop.signal, progress: () => stop.abort() };
    const long = jobs.run('timing', request, { milliseconds: 600_000 }, watch);
    await expect(long).rejects.toMatchObject({ code: 'interrupted' });
    expect((await jobs.run('preview', request, preview)).images).toBe(4);
  });

  it('that fail as they are cancelled were cancelled all the same', async () => {
    const program = `import { parentPort } from 'node:worker_threads';
      parentPort.on('message', ({ kind }) => {
        if (kind === 'cancelJob') parentPort.postMessage({ kind: 'jobFailed', error: { code: 'unexpected', message: 'cut off', faults: [] } });
      });`;
    const own = answering(program);
    const stop = new AbortController();
    const call = own.run('preview', request, preview, { signal: stop.signal });
    await new Promise((resolve) => setTimeout(resolve, 50));
    stop.abort();
    await expect(call).rejects.toMatchObject({ code: 'interrupted' });
    await own.close();
  });

  it('hand errors of the engine on in its own words', async () => {
    const faulty = { ...request, checkpoint: new Uint8Array(10) };
    await expect(jobs.run('preview', faulty, preview)).rejects.toMatchObject({ code: 'checkpoint' });
  });

  it('compile no probes, whatever the spec asks for', async () => {
    const program = `import { parentPort } from 'node:worker_threads';
      parentPort.on('message', ({ input }) => parentPort.postMessage({ kind: 'jobDone', output: input.training }));`;
    const own = createJobs({
      datasets: { images: () => Promise.resolve(images()) },
      entry: new URL(`data:text/javascript,${encodeURIComponent(program)}`),
    });
    expect(spec.training.diagnostics).not.toBeNull();
    const received: unknown = await own.run('preview', request, preview);
    await own.close();
    expect(received).toMatchObject({ diagnostics: null, batchSize: spec.training.batchSize });
  });

  /** Jobs in threads that run `program`, with one thread at a time. */
  const answering = (program: string): ReturnType<typeof createJobs> =>
    createJobs({
      datasets: { images: () => Promise.resolve(images()) },
      entry: new URL(`data:text/javascript,${encodeURIComponent(program)}`),
      workers: 1,
    });

  it('that were cancelled while they waited do not take the turn of others', async () => {
    // it answers once there is this file
    const may = join(mkdtempSync(join(tmpdir(), 'ablate-jobs-')), 'answer');
    const own = answering(`import { existsSync } from 'node:fs';
      import { parentPort } from 'node:worker_threads';
      const answer = () => {
        if (existsSync(${JSON.stringify(may)})) parentPort.postMessage({ kind: 'jobDone', output: 'done' });
        else setTimeout(answer, 1);
      };
      parentPort.on('message', ({ kind }) => kind === 'job' && answer());`);
    const stop = new AbortController();
    const first = own.run('preview', request, preview);
    const unwanted = own.run('preview', request, preview, { signal: stop.signal });
    const last = own.run('preview', request, preview);
    const refused = expect(unwanted).rejects.toMatchObject({ code: 'interrupted' });
    // all three are under way, one in the thread
    await new Promise((resolve) => setTimeout(resolve, 20));
    stop.abort();
    await refused;
    writeFileSync(may, '');
    expect([await first, await last]).toEqual(['done', 'done']);
    await own.close();
    rmSync(dirname(may), { recursive: true });
  });

  it('are not given to a thread that died while it had nothing to do', async () => {
    const own = answering(`import { parentPort } from 'node:worker_threads';
      parentPort.on('message', () => {
        parentPort.postMessage({ kind: 'jobDone', output: 'done' });
        setTimeout(() => process.exit(3), 20);
      });`);
    // listened for from its start: where this thread is held up, the answer and the end come together
    const ended = new Promise<unknown>((resolve) =>
      process.once('worker', (thread: Worker) => resolve(once(thread, 'exit'))),
    );
    expect(await own.run('preview', request, preview)).toBe('done');
    await ended;
    // its host hears of it by then: the second turn is behind the one that host takes
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(await own.run('preview', request, preview)).toBe('done');
    await own.close();
  });

  it('refuse once the lab is closing', async () => {
    const own = createJobs({ datasets: { images: () => Promise.resolve(images()) }, entry });
    await own.close();
    await expect(own.run('preview', request, preview)).rejects.toMatchObject({ code: 'closed' });
  });
});
