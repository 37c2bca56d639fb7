import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldSize, range, splitTrainingFile, type Split, type SplitSettings } from '../../../engine/data/split.ts';
import { apportioned, classCounts } from '../../../engine/data/stratify.ts';
import { EngineError } from '../../../engine/errors.ts';
import { RandomStream, shuffle, streamKind } from '../../../engine/random.ts';

const sorted = (images: Int32Array): Int32Array => images.slice().sort();
/** Labels of `count` images, the classes of very different size, in random order. */
const uneven = (count: number, classes: number, salt = 1): Uint8Array => {
  const stream = new RandomStream(salt, streamKind.noise);
  return Uint8Array.from({ length: count }, () => Math.min(stream.below(classes), stream.below(classes)));
};
const plain = { validation: 300, trainImages: null, seed: 7 } as const satisfies SplitSettings;
const labels = uneven(1000, 7);

describe.each(['random', 'stratified'] as const)('splitTrainingFile, %s', (split) => {
  const divide = (changes: Partial<SplitSettings> = {}, of = labels): Split =>
    splitTrainingFile(of, { ...plain, split, ...changes });

  it('divides the file without overlap and without loss', () => {
    const { train, validation } = divide();
    expect(validation.length).toBe(300);
    expect(sorted(Int32Array.of(...train, ...validation))).toEqual(range(1000));
  });

  it('is a function of the seed', () => {
    expect(divide()).toEqual(divide());
    expect(divide({ seed: 8 }).validation).not.toEqual(divide().validation);
    // seeds that differ only above bit 31 are different seeds
    expect(divide({ seed: 7 + 2 ** 32 }).validation).not.toEqual(divide().validation);
    const folds = { count: 5, fold: 2 };
    expect(divide({ folds, seed: 8 }).validation).not.toEqual(divide({ folds }).validation);
  });

  it('leaves the validation images as they are when fewer images are trained on, which are some of the others', () => {
    for (const folds of [null, { count: 4, fold: 3 }]) {
      const all = divide({ folds });
      const many = divide({ folds, trainImages: 400 });
      const few = divide({ folds, trainImages: 50 });
      expect(few.validation).toEqual(all.validation);
      expect(few.train).toEqual(many.train.slice(0, 50));
      expect(new Set(all.train)).toEqual(new Set([...all.train, ...many.train]));
    }
  });

  it('puts every image into exactly one fold, and folds differ by one image at most', () => {
    const cases = fc.record({
      size: fc.integer({ min: 2, max: 200 }),
      classes: fc.integer({ min: 1, max: 9 }),
      folds: fc.integer({ min: 2, max: 12 }),
      seed: fc.integer({ min: 0, max: 2 ** 40 }),
    });
    fc.assert(
      fc.property(cases, ({ size, classes, folds: wanted, seed }) => {
        const count = Math.min(wanted, size);
        const own = uneven(size, classes, seed);
        const parts = Array.from({ length: count }, (_, i) => divide({ folds: { count, fold: i + 1 }, seed }, own));
        expect(sorted(Int32Array.from(parts.flatMap(({ validation }) => [...validation])))).toEqual(range(size));
        for (const [i, { train, validation }] of parts.entries()) {
          expect(validation.length).toBe(foldSize(size, { count, fold: i + 1 }));
          expect(validation.length - Math.floor(size / count)).toBeOneOf([0, 1]);
          expect(sorted(Int32Array.of(...train, ...validation))).toEqual(range(size));
        }
      }),
    );
  });

  it('takes no notice of `validation` where there are folds', () => {
    const folds = { count: 3, fold: 1 };
    expect(divide({ folds, validation: 0 })).toEqual(divide({ folds, validation: 5000 }));
  });

  it.each([
    [{ validation: 1000 }, /data\.validation: 1000 of the 1000 images/],
    [{ validation: 990, trainImages: 11 }, /data\.trainImages: 11 images are asked for, but 10 are left/],
    [{ folds: { count: 5, fold: 1 }, trainImages: 801 }, /but 800 are left of 1000 after 200 for validation/],
    [{ folds: { count: 1001, fold: 1 } }, /data\.folds\.count: 1001 folds of the 1000 images/],
    [{ folds: { count: 1, fold: 1 } }, /data\.folds\.count: 1 folds/],
    [{ folds: { count: 5, fold: 6 } }, /data\.folds\.fold: there is no fold 6 of 5/],
    [{ folds: { count: 5, fold: 0 } }, /data\.folds\.fold: there is no fold 0 of 5/],
  ])('refuses what does not fit (%#)', (changes, expected) => {
    expect(() => divide(changes)).toThrow(EngineError);
    expect(() => divide(changes)).toThrow(expected);
  });
});

describe('random', () => {
  it('is what it was before there were other ways', () => {
    const { train, validation } = splitTrainingFile(new Uint8Array(20), { validation: 4, trainImages: 9, seed: 7 });
    expect([...train]).toEqual([17, 18, 6, 14, 16, 7, 12, 3, 15]);
    expect([...validation]).toEqual([9, 0, 13, 1]);
  });

  it('does not look at the labels', () => {
    for (const folds of [null, { count: 4, fold: 2 }]) {
      expect(splitTrainingFile(uneven(1000, 7, 2), { ...plain, folds })).toEqual(
        splitTrainingFile(labels, { ...plain, folds }),
      );
    }
  });
});

describe('stratified', () => {
  const cases = fc.record({
    size: fc.integer({ min: 8, max: 300 }),
    classes: fc.integer({ min: 1, max: 9 }),
    held: fc.double({ min: 0, max: 0.9, noNaN: true }),
    taken: fc.double({ min: 0, max: 1, noNaN: true }),
    folds: fc.integer({ min: 2, max: 8 }),
    seed: fc.integer({ min: 0, max: 2 ** 40 }),
  });
  /** Of every class `part` of the images of `whole`, rounded up or down. */
  const expectShares = (part: Int32Array, whole: Int32Array, of: Uint8Array, classes: number): void => {
    const all = classCounts(whole, of, classes);
    classCounts(part, of, classes).forEach((found, c) => {
      const share = (all[c]! * part.length) / whole.length;
      expect(Math.abs(found - share)).toBeLessThan(1);
    });
  };

  it('gives every class its share of what is held out and of what is trained on', () => {
    fc.assert(
      fc.property(cases, ({ size, classes, held, taken, seed }) => {
        const own = uneven(size, classes, seed);
        const validation = Math.floor(held * size);
        const trainImages = Math.max(1, Math.floor(taken * (size - validation)));
        const settings = { validation, trainImages: null, seed, split: 'stratified' } as const;
        const whole = splitTrainingFile(own, settings);
        const some = splitTrainingFile(own, { ...settings, trainImages });
        expectShares(whole.validation, range(size), own, classes);
        expectShares(some.train, whole.train, own, classes);
      }),
    );
  });

  it('gives all folds as many images of a class, to within one', () => {
    fc.assert(
      fc.property(cases, ({ size, classes, folds: count, seed, taken }) => {
        const own = uneven(size, classes, seed);
        const parts = Array.from({ length: count }, (_, i) => {
          const folds = { count, fold: i + 1 };
          const all = splitTrainingFile(own, { validation: 0, trainImages: null, folds, seed, split: 'stratified' });
          const trainImages = Math.max(1, Math.floor(taken * all.train.length));
          const some = splitTrainingFile(own, { validation: 0, trainImages, folds, seed, split: 'stratified' });
          expectShares(some.train, all.train, own, classes);
          return classCounts(all.validation, own, classes);
        });
        for (let c = 0; c < classes; c++) {
          const counts = parts.map((part) => part[c]!);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('counts of classes follow from theirs in the file alone: not from its order, the seed, or what a class is called', () => {
    fc.assert(
      fc.property(cases, ({ size, classes, held, folds: count, seed }) => {
        const own = uneven(size, classes, seed);
        const places = range(size);
        shuffle(places, new RandomStream(seed + 1, streamKind.noise));
        const other = own.map((_, i) => own[places[i]!]!);
        const countsOf = (of: Uint8Array, settings: Partial<SplitSettings>): number[] => {
          const validation = Math.floor(held * size);
          const { validation: found } = splitTrainingFile(of, {
            ...{ validation, trainImages: null, seed, split: 'stratified' },
            ...settings,
          });
          return classCounts(found, of, 256);
        };
        for (const folds of [null, { count, fold: 2 }]) {
          expect(countsOf(other, { folds, seed: seed + 9 })).toEqual(countsOf(own, { folds }));
        }
        // a gap between the labels changes nothing
        const spread = own.map((label) => 20 * label + 3);
        expect(
          countsOf(spread, {})
            .filter((_, label) => label % 20 === 3)
            .slice(0, classes),
        ).toEqual(countsOf(own, {}).slice(0, classes));
      }),
    );
  });

  it('holds the shares at every length, of sizes that defeat rounding class by class', () => {
    // the Alabama paradox of largest remainders: at 10 and 11 of 13 seats a class of 1.5 shares would lose one
    const own = Uint8Array.from([...new Array<number>(6).fill(0), ...new Array<number>(6).fill(1), 2, 2]);
    const order = range(own.length);
    const sequence = apportioned(order, own);
    for (let h = 0; h <= own.length; h++) expectShares(sequence.slice(0, h), order, own, 3);
    expect(sorted(sequence)).toEqual(order);
  });
});
