import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import type { ImageFile, TrainingCommand, TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';
import { all, cnn, only, smallJob } from '../train/jobs.ts';

const entry = new URL('../../../engine/worker/entry.node.ts', import.meta.url);

/** A real thread. Resolves with its events and exit code once it has ended by itself. */
function inWorker(
  job: TrainingJob,
  react: (event: TrainingEvent, send: (command: TrainingCommand) => void, worker: Worker) => void = () => undefined,
): Promise<{ events: TrainingEvent[]; code: number }> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(entry);
    const events: TrainingEvent[] = [];
    const send = (command: TrainingCommand): void => worker.postMessage(command);
    worker.on('message', (event: TrainingEvent) => {
      events.push(event);
      react(event, send, worker);
    });
    worker.on('error', reject);
    worker.on('exit', (code) => resolve({ events, code }));
    send({ kind: 'start', job });
  });
}

/** The same images in memory that threads share. */
function shared(file: ImageFile): ImageFile {
  const copy = (bytes: Uint8Array): Uint8Array => {
    const into = new Uint8Array(new SharedArrayBuffer(bytes.length));
    into.set(bytes);
    return into;
  };
  return { count: file.count, pixels: copy(file.pixels), labels: copy(file.labels) };
}

const base = smallJob({ graph: cnn, length: { steps: 40 } });
const job = { ...base, data: { ...base.data, train: shared(base.data.train), test: shared(base.data.test) } };

describe('the worker thread', { timeout: 60_000 }, () => {
  it.each([
    ['reference', 1],
    ['cpu', 1],
    ['cpu', 2],
  ] as const)('runs a job on %s with %i thread(s) and ends by itself', async (backend, threads) => {
    const { events, code } = await inWorker({ ...job, backend, threads });
    expect(only(events, 'ready')).toMatchObject({ backend, threads });
    expect(only(events, 'finished')).toMatchObject({ reason: 'completed', step: 40 });
    expect(all(events, 'evaluation').at(-1)!.split).toBe('test');
    expect(code).toBe(0);
  });

  it('pauses, resumes and stops by message', async () => {
    const long = { ...job, backend: 'cpu', threads: 2, length: { steps: 1_000_000 } } as const;
    const { events } = await inWorker(long, (event, send) => {
      if (event.kind === 'progress' && event.firstStep === 1) send({ kind: 'pause' });
      if (event.kind === 'paused') send({ kind: 'resume' });
      if (event.kind === 'resumed') send({ kind: 'stop' });
    });
    expect(only(events, 'resumed').step).toBe(only(events, 'paused').step);
    expect(only(events, 'finished').reason).toBe('stopped');
  });

  it('killed at any moment, its last checkpoint leads to the same result', async () => {
    const whole = await inWorker({ ...job, backend: 'cpu', threads: 2, length: { steps: 400 } });
    const often = { ...job, backend: 'cpu', threads: 2, length: { steps: 400 }, checkpointSeconds: 0.01 } as const;
    let seen = 0;
    const killed = await inWorker(often, (event, _send, worker) => {
      if (event.kind === 'checkpoint' && event.role === 'last' && ++seen === 3) void worker.terminate();
    });
    const checkpoint = all(killed.events, 'checkpoint')
      .filter(({ role }) => role === 'last')
      .at(2)!;
    expect(checkpoint.step).toBeLessThan(400);
    const resumed = await inWorker({ ...often, threads: 1, resumeFrom: checkpoint.bytes });
    expect(only(resumed.events, 'finished').resultHash).toBe(only(whole.events, 'finished').resultHash);
  });

  it('tells a broken job and ends', async () => {
    const { events, code } = await inWorker({ ...job, batchSize: 5000 });
    expect(only(events, 'failed').error.code).toBe('data');
    expect(code).toBe(0);
  });
});
