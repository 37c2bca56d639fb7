import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchOrder } from '../../../engine/data/batches.ts';
import { range } from '../../../engine/data/split.ts';

describe('BatchOrder', () => {
  const batchAt = (order: BatchOrder, step: number): number[] => {
    const into = new Int32Array(order.batchSize);
    order.fill(step, into);
    return [...into];
  };

  it('shows each image once per epoch and drops the incomplete batch', () => {
    const images = range(23).map((i) => i * 2);
    const order = new BatchOrder(images, 5, 3);
    expect(order.stepsPerEpoch).toBe(4);
    const epoch = [0, 1, 2, 3].flatMap((step) => batchAt(order, step));
    expect(new Set(epoch).size).toBe(20);
    expect(epoch.every((index) => images.includes(index))).toBe(true);
  });

  it('refuses a batch that is larger than the split', () => {
    expect(() => new BatchOrder(range(5), 6, 1)).toThrow(
      expect.objectContaining({
        code: 'data',
        message: expect.stringMatching(/training\.batchSize: a batch of 6 does not fit .* 5 images/) as string,
      }) as Error,
    );
  });

  it('draws another permutation in each epoch', () => {
    const order = new BatchOrder(range(20), 20, 3);
    expect(batchAt(order, 0)).not.toEqual(batchAt(order, 1));
  });

  it('gives the same batch for a step whatever was asked before', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
        fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 20 }),
        (count, size, seed, steps) => {
          fc.pre(size <= count);
          const order = new BatchOrder(range(count), size, seed);
          for (const step of steps) {
            expect(batchAt(order, step)).toEqual(batchAt(new BatchOrder(range(count), size, seed), step));
          }
        },
      ),
    );
  });
});
