import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import type { LossSettings } from '../../../engine/train/settings.ts';
import { all, curve, mlp, smallJob, stripes } from './jobs.ts';
import { train } from './drive.ts';

const losses: readonly LossSettings[] = [
  { kind: 'crossEntropy', labelSmoothing: 0, classWeight: [1, 3, 0.5] },
  { kind: 'mse' },
  { kind: 'mae' },
  { kind: 'huber', delta: 0.5 },
  { kind: 'binaryCrossEntropy' },
  { kind: 'hinge', p: 1, margin: 1 },
  { kind: 'hinge', p: 2, margin: 0.5 },
];
const titled = losses.map((loss) => [JSON.stringify(loss), loss] as const);
const adam = {
  kind: 'adam',
  learningRate: 0.01,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0,
  decoupled: false,
} as const;

describe.each(titled)('training on %s', (_, loss) => {
  it('learns, and alike on both backends', async () => {
    const job = smallJob({ loss, optimizer: adam, length: { steps: 120 }, evaluateEvery: { steps: 60 } });
    const runs = [await train(job, referenceBackend), await train(job, cpuBackend)];
    for (const { events } of runs) {
      const evaluations = all(events, 'evaluation');
      expect(evaluations.at(-1)!.split).toBe('test');
      expect(evaluations.at(-1)!.accuracy).toBeGreaterThan(0.85);
      const losses = curve(events, 'loss');
      expect(losses.at(-1)!).toBeLessThan(0.5 * losses[0]!);
    }
    const [first, second] = runs.map(({ events }) => curve(events, 'loss').slice(0, 10));
    first!.forEach((value, i) => expect(second![i]).toBeCloseTo(value, 4));
  });

  it('is evaluated as it is trained, as a mean over the images', async () => {
    // All images in one batch, and the same images as test images: the first step sees what the evaluation sees.
    const images = stripes(90, [1, 6, 5], 3);
    const plain = loss.kind === 'crossEntropy' ? ({ kind: 'crossEntropy', labelSmoothing: 0 } as const) : loss;
    const job = smallJob(
      { graph: mlp, loss: plain, optimizer: { ...adam, learningRate: 1e-30 }, batchSize: 90, length: { steps: 1 } },
      { train: images, test: images, validation: 0 },
    );
    const { events } = await train(job, cpuBackend);
    expect(all(events, 'evaluation')[0]!.loss).toBeCloseTo(curve(events, 'loss')[0]!, 5);
  });
});
