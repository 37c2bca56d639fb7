import { describe, expect, it, vi } from 'vitest';
import type { TrainingEvent } from '../../engine/index.ts';
import { specSchema } from '../../lab/contract/spec.ts';
import type { TrainingHandle, TrainRequest } from '../../lab/ports.ts';
import type { DatasetImages } from '../../node/datasets.ts';
import { createTrainer } from '../../node/trainer.ts';
import { images, rowsSpec } from './rows.ts';

vi.setConfig({ testTimeout: 60_000 });

const realEntry = new URL('../../engine/worker/entry.node.ts', import.meta.url);

const spec = (steps: number) => specSchema.parse(rowsSpec(steps));

interface Options {
  readonly entry?: URL;
  readonly steps?: number;
  readonly load?: () => Promise<DatasetImages>;
  readonly on?: (event: TrainingEvent, handle: TrainingHandle) => void;
  readonly request?: Partial<TrainRequest>;
}

/** Trains and answers every event up to the last one. */
function train(options: Options): { handle: TrainingHandle; events: TrainingEvent[]; done: Promise<TrainingEvent[]> } {
  const trainer = createTrainer({
    datasets: { images: options.load ?? (() => Promise.resolve(images())) },
    entry: options.entry ?? realEntry,
    checkpointSeconds: 600,
  });
  const events: TrainingEvent[] = [];
  let handle!: TrainingHandle;
  const done = new Promise<TrainingEvent[]>((resolve) => {
    const request = { runId: 'r1', spec: spec(options.steps ?? 100), threads: 1, resumeFrom: null, ...options.request };
    handle = trainer.start(request, (event) => {
      events.push(event);
      options.on?.(event, handle);
      if (event.kind === 'finished' || event.kind === 'failed') resolve(events);
    });
  });
  return { handle, events, done };
}

const kinds = (events: readonly TrainingEvent[]) => events.map((event) => event.kind);
const last = (events: readonly TrainingEvent[]) => events.at(-1)!;

describe('a training worker', () => {
  it('trains a run from start to end', async () => {
    const events = await train({ steps: 200 }).done;
    expect(kinds(events).slice(0, 2)).toEqual(['backend', 'ready']);
    expect(last(events)).toMatchObject({ kind: 'finished', reason: 'completed', step: 200 });
    const steps = events.flatMap((event) => (event.kind === 'progress' ? [event.firstStep, event.step] : []));
    expect(steps[0]).toBe(1);
    expect(steps.at(-1)).toBe(200);
    const test = events.find((event) => event.kind === 'evaluation' && event.split === 'test');
    expect(test).toMatchObject({ images: 100 });
    expect((test as { accuracy: number }).accuracy).toBeGreaterThan(0.9);
  });

  it('goes on from a checkpoint to the same result', async () => {
    const length = 200;
    const whole = last(await train({ steps: length }).done);
    // it does not get further than that before it is told to stop
    vi.stubEnv('ABLATE_HOLD', '90');
    const entry = new URL('./fixtures/heldEntry.ts', import.meta.url);
    const stopped = await train({
      steps: length,
      entry,
      on: (event, handle) => event.kind === 'progress' && handle.stop(),
    }).done;
    vi.unstubAllEnvs();
    expect(last(stopped)).toMatchObject({ kind: 'finished', reason: 'stopped' });
    const checkpoint = stopped.findLast((event) => event.kind === 'checkpoint' && event.role === 'last');
    const { bytes, step } = checkpoint as Extract<TrainingEvent, { kind: 'checkpoint' }>;
    expect(step).toBeLessThan(length);
    const resumed = await train({ steps: length, request: { resumeFrom: bytes } }).done;
    expect(resumed.find((event) => event.kind === 'ready')).toMatchObject({ step });
    expect(last(resumed)).toMatchObject({ kind: 'finished', step: length });
    expect((last(resumed) as { resultHash: string }).resultHash).toBe((whole as { resultHash: string }).resultHash);
    // the checkpoint is still the caller's: it was not handed over with the memory it lies in
    expect(bytes.byteLength).toBeGreaterThan(1000);
  });

  it('pauses, resumes and stops, also when it is told so before it has begun', async () => {
    const { handle, done } = train({
      steps: 1_000_000,
      on: (event, self) => {
        if (event.kind === 'paused') self.resume();
        if (event.kind === 'resumed') self.stop();
      },
    });
    handle.pause();
    const events = await done;
    expect(kinds(events).filter((kind) => kind === 'paused' || kind === 'resumed')).toEqual(['paused', 'resumed']);
    expect(last(events)).toMatchObject({ kind: 'finished', reason: 'stopped' });
  });

  it('says nothing any more once it was killed', async () => {
    const { handle, events } = train({ steps: 10_000_000 });
    await vi.waitFor(() => expect(kinds(events)).toContain('progress'), 20_000);
    await handle.kill();
    const count = events.length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(events).toHaveLength(count);
    expect(kinds(events)).not.toContain('failed');
  });

  it('reads images from the memory that the host holds: two runs share it', async () => {
    const shared = images();
    const load = () => Promise.resolve(shared);
    const [a, b] = await Promise.all([train({ load }).done, train({ load }).done]);
    expect((last(a) as { resultHash: string }).resultHash).toBe((last(b) as { resultHash: string }).resultHash);
    expect(shared.train.pixels.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(shared.train.pixels.byteLength).toBe(400 * 64);
  });
});

describe('a worker that fails', () => {
  const failureOf = (events: TrainingEvent[]) => {
    expect(kinds(events).filter((kind) => kind === 'failed' || kind === 'finished')).toEqual(['failed']);
    return (last(events) as Extract<TrainingEvent, { kind: 'failed' }>).error;
  };

  it('by an exit without a word: unexpected, with the code and what it wrote to stderr', async () => {
    const error = failureOf(await train({ entry: new URL('./fixtures/exitingWorker.ts', import.meta.url) }).done);
    expect(error.code).toBe('unexpected');
    expect(error.message).toMatch(/died at step 7: it ended with exit code 3.*the last drop/s);
  });

  it('by an error that nobody caught', async () => {
    const error = failureOf(await train({ entry: new URL('./fixtures/throwingWorker.ts', import.meta.url) }).done);
    expect(error).toMatchObject({ code: 'unexpected', message: expect.stringContaining('out of blue') as string });
  });

  it('by a program that is not there', async () => {
    const error = failureOf(await train({ entry: new URL('noSuchWorker.ts', import.meta.url) }).done);
    expect(error.code).toBe('unexpected');
    expect(error.message).toContain('noSuchWorker');
  });

  it('by a data set that cannot be read', async () => {
    const { LabError } = await import('../../lab/contract/errors.ts');
    const load = () => Promise.reject(new LabError('data', 'train-images.gz is missing.'));
    const error = failureOf(await train({ load }).done);
    expect(error).toMatchObject({ code: 'data', message: 'train-images.gz is missing.' });
  });

  it('by a checkpoint of another model: refused in words', async () => {
    const other = await train({ steps: 20, request: {} }).done;
    const { bytes } = other.findLast((event) => event.kind === 'checkpoint') as Extract<
      TrainingEvent,
      { kind: 'checkpoint' }
    >;
    const changed = specSchema.parse({ ...spec(20), seed: 1, training: { ...spec(20).training, batchSize: 30 } });
    const error = failureOf(await train({ request: { spec: changed, resumeFrom: bytes } }).done);
    expect(error.code).toBe('checkpoint');
  });
});
