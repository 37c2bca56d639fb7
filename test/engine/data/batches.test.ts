import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchOrder } from '../../../engine/data/batches.ts';
import { range, splitTrainingFile } from '../../../engine/data/split.ts';
import { EngineError } from '../../../engine/errors.ts';

describe('splitTrainingFile', () => {
  it('divides the file without overlap and without loss', () => {
    const { train, validation } = splitTrainingFile(1000, 300, null, 7);
    expect(validation.length).toBe(300);
    expect([...train, ...validation].sort((a, b) => a - b)).toEqual([...range(1000)]);
  });

  it('is a function of the seed', () => {
    const first = splitTrainingFile(1000, 300, null, 7);
    expect(splitTrainingFile(1000, 300, null, 7)).toEqual(first);
    expect(splitTrainingFile(1000, 300, null, 8).validation).not.toEqual(first.validation);
    // seeds that differ only above bit 31 are different seeds
    expect(splitTrainingFile(1000, 300, null, 7 + 2 ** 32).validation).not.toEqual(first.validation);
  });

  it('leaves the validation images as they are when fewer images are trained on', () => {
    const all = splitTrainingFile(1000, 300, null, 7);
    const some = splitTrainingFile(1000, 300, 50, 7);
    expect(some.validation).toEqual(all.validation);
    expect(some.train).toEqual(all.train.slice(0, 50));
  });

  it.each([
    [() => splitTrainingFile(100, 100, null, 1), /data\.validation: 100 of the 100 images/],
    [() => splitTrainingFile(100, 90, 11, 1), /data\.trainImages: 11 images are asked for, but 10 are left/],
    [() => new BatchOrder(range(5), 6, 1), /training\.batchSize: a batch of 6 does not fit .* 5 images/],
  ])('refuses what does not fit (%#)', (body, expected) => {
    expect(body).toThrow(EngineError);
    expect(body).toThrow(expected);
  });
});

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
