import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { FitCache, fits } from '../../../engine/data/fits.ts';
import { OpenStage } from '../../../engine/train/openStage.ts';
import { prepareTraining } from '../../../engine/train/prepare.ts';
import type { Preprocessing, TrainingJob } from '../../../engine/worker/protocol.ts';
import { mlp, smallJob, stripes } from '../train/jobs.ts';

describe('a cache of fits', () => {
  it('fits what it does not have, and gives back what it has', () => {
    const cache = new FitCache(100);
    let fitted = 0;
    const take = (key: string | null, bytes = 10): number =>
      cache.take(
        key,
        () => ++fitted,
        () => bytes,
      );
    expect([take('a'), take('b'), take('a'), take('b')]).toEqual([1, 2, 1, 2]);
    // without a name nothing is kept
    expect([take(null), take(null)]).toEqual([3, 4]);
    expect(cache.bytes).toBe(20);
  });

  it('stays within its bytes: what was used longest ago goes, and what is too large is not kept', () => {
    const cache = new FitCache(30);
    const fitted: string[] = [];
    const take = (key: string, bytes = 10): unknown =>
      cache.take(
        key,
        () => fitted.push(key),
        () => bytes,
      );
    for (const key of ['a', 'b', 'c', 'a', 'd', 'a', 'b']) take(key);
    expect(fitted).toEqual(['a', 'b', 'c', 'd', 'b']);
    expect(cache.bytes).toBe(30);
    take('large', 31);
    take('large', 31);
    expect(fitted.slice(-2)).toEqual(['large', 'large']);
    expect(cache.bytes).toBe(30);
  });

  it('does not remember a fit that failed', () => {
    const cache = new FitCache(30);
    const fail = (): never => {
      throw new Error('no');
    };
    expect(() => cache.take('a', fail, () => 1)).toThrow('no');
    expect(
      cache.take(
        'a',
        () => 7,
        () => 1,
      ),
    ).toBe(7);
  });
});

describe('fits of a job', () => {
  /** Every data tensor of the first stage, by name. */
  async function data(job: TrainingJob): Promise<Record<string, number[]>> {
    const prepared = prepareTraining(job);
    const open = await OpenStage.open(job, prepared, prepared.stages[0]!, cpuBackend);
    const { tensors } = prepared.stages[0]!.plan;
    const found = Object.fromEntries(open.data.map(([id, values]) => [tensors[id]!.name, [...values]]));
    await open.dispose();
    return found;
  }

  it.each(['standardise', 'standardiseFeatures', 'pcaWhitening', 'zcaWhitening'] as const)(
    'of %s are the same bits remembered and fresh, and those of another split are others',
    async (preprocessing: Preprocessing) => {
      const name = `test ${preprocessing}`;
      const job = (more: Partial<TrainingJob['data']>, seed = 3): TrainingJob =>
        smallJob({ graph: mlp, seed }, { preprocessing, ...more });
      const fresh = await data(job({}));
      const before = fits.bytes;
      expect(await data(job({ hash: name }))).toEqual(fresh);
      const kept = fits.bytes;
      expect(kept).toBeGreaterThan(before);
      // other pixels under the same name: what is remembered is what is taken, which is how one sees that it is
      const other = { train: stripes(90, [1, 6, 5], 3, 99) };
      const {
        'data.trainPixels': _pixels,
        'data.trainLabels': _labels,
        ...remembered
      } = await data(job({ hash: name, ...other }));
      expect(fits.bytes).toBe(kept);
      expect(fresh).toMatchObject(remembered);
      for (const changed of [
        job({ hash: name, validation: 30 }),
        job({ hash: name }, 4),
        job({ hash: name, split: 'stratified' }),
      ]) {
        const { hash: _hash, ...unnamed } = changed.data;
        const own = await data(changed);
        expect(own).toEqual(await data({ ...changed, data: unnamed }));
        expect(own['data.offset']).not.toEqual(fresh['data.offset']);
      }
      if (preprocessing !== 'zcaWhitening') return;
      const eps = await data(job({ hash: name, whiteningEps: 0.5 }));
      expect(eps['data.offset']).toEqual(fresh['data.offset']);
      expect(eps['data.whitening']).not.toEqual(fresh['data.whitening']);
    },
  );
});
