import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { decodeCheckpoint } from '../../../engine/train/checkpoint.ts';
import type { TrainingJob } from '../../../engine/worker/protocol.ts';
import { all, cnn, curve, mlp, smallJob } from './jobs.ts';
import { train, type Outcome } from './drive.ts';

const job = (accumulate: number, changes: Partial<TrainingJob> = {}): TrainingJob =>
  smallJob({ graph: mlp, batchSize: 12, length: { steps: 12 }, evaluateEvery: { steps: 4 }, accumulate, ...changes });

function weights({ events }: Outcome): number[] {
  const { bytes } = all(events, 'checkpoint').findLast(({ role }) => role === 'last')!;
  return decodeCheckpoint(bytes).tensors.flatMap(({ values }) => [...values]);
}
const distance = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));

describe.each([referenceBackend, cpuBackend])('gradient accumulation on $name', (backend) => {
  it('trains as the undivided batch does, with momentum, clipping and penalties', async () => {
    const gradient = { clip: { norm: 0.2 }, l1: 1e-4 };
    const whole = await train(job(1, { gradient }), backend);
    const divided = await train(job(4, { gradient }), backend);
    // float32 sums in another order, over twelve steps
    expect(distance(weights(divided), weights(whole))).toBeLessThan(1e-5);
    expect(distance(curve(divided.events, 'loss'), curve(whole.events, 'loss'))).toBeLessThan(1e-5);
    expect(curve(divided.events, 'accuracy')).toEqual(curve(whole.events, 'accuracy'));
    expect(divided.hash).not.toBe(whole.hash);
  });

  it('is another training where layers look at the whole batch', async () => {
    const whole = await train(job(1, { graph: cnn }), backend);
    const divided = await train(job(3, { graph: cnn }), backend);
    expect(distance(weights(divided), weights(whole))).toBeGreaterThan(1e-3);
  });

  it('resumes to the same hash, and not as another division', async () => {
    const { hash } = await train(job(3, { graph: cnn }), backend);
    const stopped = await train(job(3, { graph: cnn }), backend, { stopAt: 5 });
    const resumeFrom = all(stopped.events, 'checkpoint').at(-1)!.bytes;
    expect((await train(job(3, { graph: cnn, resumeFrom }), backend)).hash).toBe(hash);
    await expect(train(job(2, { graph: cnn, resumeFrom }), backend)).rejects.toThrow('other training settings');
  });
});

it('says why a batch cannot be divided', async () => {
  await expect(train(job(5), cpuBackend)).rejects.toThrow('divides 12');
});
