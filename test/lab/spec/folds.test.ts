import { describe, expect, it } from 'vitest';
import { checkSpec } from '../../../lab/spec/check.ts';
import { diffSpecs } from '../../../lab/spec/diff.ts';
import { groupHash, specHash } from '../../../lab/spec/hash.ts';
import { lengthOf } from '../../../lab/spec/resolve.ts';
import { specSchema, type Spec } from '../../../lab/spec/schema.ts';
import { dataset, smallSpec } from '../fakes.ts';

const dots = dataset('dots');
const withData = (data: object, training: object = {}): Spec =>
  specSchema.parse({
    ...smallSpec,
    data: { ...smallSpec.data, ...data },
    training: { ...smallSpec.training, ...training },
  });
const messages = (data: object, training: object = {}): string[] =>
  checkSpec(withData(data, training), [dots]).faults.map(({ message }) => message);
const fold = (count: number, which: number): object => ({ folds: { count, fold: which } });

describe('folds of a spec', () => {
  it('make the length: fold i is held out, whatever validation says', () => {
    expect(lengthOf(withData(fold(3, 1)), dots)).toMatchObject({ trainImages: 666, validationImages: 334 });
    expect(lengthOf(withData(fold(3, 2)), dots)).toMatchObject({ trainImages: 667, validationImages: 333 });
    expect(lengthOf(withData({ ...fold(3, 2), trainImages: 100 }), dots)).toMatchObject({ trainImages: 100 });
    expect(lengthOf(withData({ ...fold(3, 2), validation: 999 }), dots)).toMatchObject({ trainImages: 667 });
  });

  it('are refused where there are none', () => {
    expect(messages(fold(3, 4))).toEqual(['data.folds.fold: there is no fold 4 of 3; take 1 to 3.']);
    const few = dataset('dots', { trainImages: 4 });
    expect(checkSpec(withData(fold(5, 1)), [few]).faults.map(({ message }) => message)).toEqual([
      'data.folds.count: 5 folds of the 4 images of dots would leave some empty; take at most 4.',
    ]);
    expect(messages({ ...fold(5, 2), trainImages: 801 })).toEqual([
      'data.trainImages: 801 are wanted, but dots has 800 beside the 200 of fold 2; take at most 800.',
    ]);
    expect(messages(fold(2, 1), { batchSize: 501 })).toEqual([expect.stringContaining('training split of 500 images')]);
  });

  it('hold images out for what watches them', () => {
    const watching = { earlyStopping: { metric: 'validation.loss' } };
    expect(messages({ validation: 0 }, watching)).toHaveLength(1);
    expect(messages({ validation: 0, ...fold(4, 1) }, watching)).toEqual([]);
    const plateau = { schedule: { kind: 'reduceOnPlateau' } };
    expect(messages({ validation: 0 }, plateau)).toHaveLength(1);
    expect(messages({ validation: 0, ...fold(4, 1) }, plateau)).toEqual([]);
  });

  it('are one group, and a run each', async () => {
    const specs = [1, 2, 3].map((which) => withData(fold(3, which)));
    expect(new Set(await Promise.all(specs.map(specHash))).size).toBe(3);
    const groups = new Set(await Promise.all(specs.map(groupHash)));
    expect(groups.size).toBe(1);
    for (const other of [fold(4, 1), { ...fold(3, 1), split: 'stratified' }, {}]) {
      expect(groups).not.toContain(await groupHash(withData(other)));
    }
    // counts for nothing beside folds
    expect(await specHash(withData({ ...fold(3, 1), validation: 7 }))).toBe(await specHash(specs[0]!));
  });

  it('leave the hash of specs without them as it was', async () => {
    const { folds: _folds, split: _split, ...data } = withData({}).data;
    const before = { ...withData({}), data } as Spec;
    expect(await specHash(withData({}))).toBe(
      await specHash({ ...before, data: { ...data, folds: null, split: 'random' } }),
    );
    expect(await specHash(withData({ split: 'stratified' }))).not.toBe(await specHash(withData({})));
  });

  it('are told apart in a difference, without the number of images that counts for nothing', () => {
    expect(diffSpecs([withData({ validation: 5 }), withData({ validation: 6, ...fold(3, 2) })])).toEqual([
      { path: 'data.validation', values: [5, null] },
      { path: 'data.folds.count', values: [null, 3] },
      { path: 'data.folds.fold', values: [null, 2] },
    ]);
    expect(diffSpecs([withData({ validation: 5, ...fold(3, 1) }), withData(fold(3, 1))])).toEqual([]);
    expect(diffSpecs([withData({}), withData({ split: 'stratified' })])).toEqual([
      { path: 'data.split', values: ['random', 'stratified'] },
    ]);
  });
});
