import { describe, expect, it } from 'vitest';
import { deadUnits } from '../../../engine/diagnostics/deadUnits.ts';
import { gradientNorm } from '../../../engine/diagnostics/gradientNorm.ts';
import { adaptiveHistogram, histogram } from '../../../engine/diagnostics/histogram.ts';
import { saturation } from '../../../engine/diagnostics/saturation.ts';
import { standardize } from '../../../engine/diagnostics/standardize.ts';
import { summarise } from '../../../engine/diagnostics/summary.ts';
import { updateRatio } from '../../../engine/diagnostics/updateRatio.ts';
import { varianceShift } from '../../../engine/diagnostics/varianceShift.ts';

describe('summary', () => {
  it('of a few values by hand', () => {
    const found = summarise([0, 1, 2, 5], [0, 25, 50, 100]);
    expect(found).toMatchObject({
      mean: 2,
      std: Math.sqrt(3.5),
      stdUnbiased: Math.sqrt(14 / 3),
      min: 0,
      max: 5,
      percentiles: [0, 0.75, 1.5, 5],
      zeroFraction: 0.25,
      l2Norm: Math.sqrt(30),
    });
    expect(found.skewness).toBeCloseTo(18 / 4 / 3.5 ** 1.5, 14);
    expect(found.kurtosis).toBeCloseTo(98 / 4 / 3.5 ** 2 - 3, 14);
  });

  it('says NaN where there is nothing to say', () => {
    for (const values of [[], [1, Number.NaN, 2]]) {
      const { mean, min, max, percentiles } = summarise(values, [50]);
      expect([mean, min, max, percentiles[0]]).toEqual([NaN, NaN, NaN, NaN]);
    }
    expect(summarise([3, 3], [50])).toMatchObject({ std: 0, skewness: NaN, kurtosis: NaN, percentiles: [3] });
    expect(summarise([7]).stdUnbiased).toBeNaN();
    expect(summarise([1, Infinity], [100]).percentiles).toEqual([Infinity]);
  });
});

describe('histogram', () => {
  it('bins are open above but for the last; what lies outside is counted', () => {
    const values = [-1, 0, 0.5, 1, 1.5, 2, 2.1, NaN, Infinity];
    const { counts, below, above, range } = histogram(values, 4, [0, 2]);
    expect([...counts]).toEqual([1, 1, 1, 2]);
    expect([below, above, range]).toEqual([1, 2, [0, 2]]);
    // tenths are not exact: every edge still opens its own bin
    const tenths = Array.from({ length: 10 }, (_, i) => i * 0.1);
    expect([...histogram(tenths, 10, [0, 1]).counts]).toEqual(new Array(10).fill(1));
  });

  it('takes the range of the values when none is given', () => {
    const found = adaptiveHistogram([-3, 1, 5, -Infinity, NaN], 2);
    expect(found).toMatchObject({ range: [-3, 5], below: 1, above: 0 });
    expect([...found.counts]).toEqual([1, 2]);
    expect(adaptiveHistogram([4, 4], 2)).toMatchObject({ range: [3.5, 4.5], counts: Int32Array.of(0, 2) });
    // so large that half a unit would vanish
    expect([...adaptiveHistogram([1e20, 1e20], 2).counts]).toEqual([0, 2]);
    expect([...adaptiveHistogram([], 3).counts]).toEqual([0, 0, 0]);
  });

  it('refuses a range that is none', () => {
    expect(() => histogram([1], 0, [0, 1])).toThrow('whole number of bins');
    expect(() => histogram([1], 2, [1, 1])).toThrow('from 1 to 1');
    expect(() => histogram([1], 2, [0, Infinity])).toThrow('range');
  });
});

describe('units', () => {
  // [2 samples, 3 channels, 2 places]
  const x = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2];

  it('are dead when no sample and no place makes them fire', () => {
    const found = deadUnits(x, [2, 3, 1, 2]);
    expect(found.dead).toEqual(Uint8Array.of(1, 0, 0));
    expect(found.deadFraction).toBeCloseTo(1 / 3, 15);
    expect([...found.zeroFractionPerUnit]).toEqual([1, 0.75, 0.75]);
    expect([...deadUnits(x, [4, 3]).dead]).toEqual([1, 1, 0]);
    expect(() => deadUnits(x, [5, 3])).toThrow('12 values are not 5×3');
    expect(() => deadUnits(x, [12])).toThrow('[N, U');
  });

  it('are saturated near either limit of their activation', () => {
    const y = [0.01, 0.5, 0.99, 0.94];
    expect(saturation(y, [2, 2], { activation: 'sigmoid' })).toEqual({
      fraction: 0.5,
      fractionPerUnit: Float64Array.of(1, 0),
    });
    expect(saturation(y, [2, 2], { activation: 'tanh', margin: 0.1 }).fraction).toBe(0.5);
    expect(saturation([-0.99, 0], [1, 2], { activation: 'tanh' }).fraction).toBe(0.5);
  });
});

describe('gradients and updates', () => {
  it('have norms and ratios', () => {
    expect(gradientNorm([[3, 4], [12], []])).toEqual({ perTensor: [5, 12, 0], total: 13 });
    const { l2Ratio, stdRatio } = updateRatio([3, 4], [0.05, 0]);
    expect(l2Ratio).toBeCloseTo(0.01, 15);
    expect(stdRatio).toBeCloseTo(0.05, 15);
    expect(updateRatio([0, 0], [1, 2]).l2Ratio).toBe(Infinity);
  });
});

describe('samples', () => {
  it('are standardised; a feature that does not vary becomes exactly 0', () => {
    // 0.1 summed ten times is not 1
    const values = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 0.1 : i));
    const { mean, std, y } = standardize({ values, features: 2 });
    expect([mean[0], std[0]]).toEqual([0.1, 0]);
    for (let i = 0; i < 20; i += 2) expect(y[i]).toBe(0);
    const second = Array.from(y).filter((_, i) => i % 2 === 1);
    expect(summarise(second)).toMatchObject({ mean: expect.closeTo(0, 14), std: expect.closeTo(1, 14) });
    expect(() => standardize({ values: [1, 2, 3], features: 2 })).toThrow('3 values');
  });

  it('that are dropped vary more: as the formula says', () => {
    // every value once kept and once dropped: p = 1/2 exactly
    const base = [1, 2, 3, 4];
    const found = varianceShift({ values: [...base, ...base], features: 1 }, [1, 1, 1, 1, 0, 0, 0, 0], 0.5);
    expect(found.varTest[0]).toBeCloseTo(1.25, 14);
    expect(found.ratio[0]).toBeCloseTo(found.expectedRatio[0]!, 14);
    expect(found.meanShift).toBeCloseTo(1 / found.ratio[0]!, 14);
    expect(() => varianceShift({ values: base, features: 1 }, [1], 0.5)).toThrow('mask');
    expect(() => varianceShift({ values: base, features: 1 }, base, 1)).toThrow('[0, 1)');
  });
});
