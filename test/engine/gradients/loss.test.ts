import { describe, expect, test } from 'vitest';
import { PlanBuilder } from '../../../engine/plan/builder.ts';
import { RandomStream, streamKind } from '../../../engine/random.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';

const rows = 5;
const classes = 4;

async function lossAndGradient(options: {
  logits: Float32Array;
  target: Int32Array;
  weight?: Float32Array;
  reduction: 'mean' | 'sum';
  labelSmoothing: number;
}): Promise<{ loss: number; dlogits: Float32Array }> {
  const builder = new PlanBuilder();
  const logits = builder.tensor('logits', [rows, classes], 'f32', 'input');
  const target = builder.tensor('target', [rows], 'i32', 'input');
  const classWeight = builder.tensor('classWeight', [classes], 'f32', 'input');
  const loss = builder.tensor('loss', [1], 'f32', 'result');
  const dlogits = builder.tensor('dlogits', [rows, classes], 'f32', 'result');
  const { reduction, labelSmoothing } = options;
  builder.op('run', {
    op: 'softmaxCrossEntropy',
    attrs: { reduction, labelSmoothing },
    inputs: { logits, target, ...(options.weight && { classWeight }) },
    outputs: { loss, dlogits },
    phase: 'loss',
  });
  const executable = await referenceBackend.compile(builder.build());
  executable.write(logits, options.logits);
  executable.write(target, options.target);
  if (options.weight) executable.write(classWeight, options.weight);
  executable.run('run');
  const lossValue = new Float32Array(1);
  const gradient = new Float32Array(rows * classes);
  await executable.read(loss, lossValue);
  await executable.read(dlogits, gradient);
  return { loss: lossValue[0]!, dlogits: gradient };
}

describe('cross entropy gradient against finite differences', () => {
  const logits = new Float32Array(rows * classes);
  new RandomStream(5, streamKind.noise).fillNormal(logits);
  // One row counts for nothing.
  const target = Int32Array.of(0, 3, -1, 1, 3);
  const weight = Float32Array.of(0.5, 2, 1, 1.5);

  test.each([
    ['mean', { reduction: 'mean', labelSmoothing: 0 }],
    ['sum', { reduction: 'sum', labelSmoothing: 0 }],
    ['mean, smoothed', { reduction: 'mean', labelSmoothing: 0.3 }],
    ['mean, weighted', { reduction: 'mean', labelSmoothing: 0, weight }],
    ['sum, weighted, smoothed', { reduction: 'sum', labelSmoothing: 0.2, weight }],
  ] as const)('%s', async (_, options) => {
    const { dlogits } = await lossAndGradient({ logits, target, ...options });
    const h = 2 ** -6;
    for (let i = 0; i < logits.length; i++) {
      const above = logits.slice();
      const below = logits.slice();
      above[i]! += h;
      below[i]! -= h;
      const difference =
        (await lossAndGradient({ logits: above, target, ...options })).loss -
        (await lossAndGradient({ logits: below, target, ...options })).loss;
      expect(dlogits[i]).toBeCloseTo(difference / (2 * h), 3);
    }
    expect([...dlogits.slice(2 * classes, 3 * classes)]).toEqual([0, 0, 0, 0]);
  });
});
