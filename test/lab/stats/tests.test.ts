import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { benjaminiHochberg, holm } from '../../../lab/stats/adjustP.ts';
import { anova2 } from '../../../lab/stats/anova2.ts';
import { bootstrap } from '../../../lab/stats/bootstrap.ts';
import { friedman } from '../../../lab/stats/friedman.ts';
import { linearRegression } from '../../../lab/stats/linearRegression.ts';
import { mannWhitney } from '../../../lab/stats/mannWhitney.ts';
import { meanDifference } from '../../../lab/stats/meanDifference.ts';
import { pairedT } from '../../../lab/stats/pairedT.ts';
import { percentile } from '../../../lab/stats/percentile.ts';
import { rank } from '../../../lab/stats/ranks.ts';
import { tostPaired, tostWelch } from '../../../lab/stats/tost.ts';
import { wilcoxon } from '../../../lab/stats/wilcoxon.ts';

const x = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
const y = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];

describe('equivalence', () => {
  it('is found exactly when the interval of 1 - 2 alpha lies between the bounds', () => {
    const bound = fc.double({ min: 0.01, max: 4, noNaN: true });
    fc.assert(
      fc.property(bound, bound, (low, high) => {
        for (const test of [tostWelch, tostPaired]) {
          const { equivalent, ciLow, ciHigh, p, pLow, pHigh } = test(x, y, { low: -low, high });
          expect(equivalent).toBe(ciLow > -low && ciHigh < high);
          expect(p).toBe(Math.max(pLow, pHigh));
        }
      }),
    );
    const { low, high } = meanDifference(x, y, 0.9);
    expect(tostWelch(x, y, { low: -9, high: 9 })).toMatchObject({ ciLow: low, ciHigh: high, equivalent: true });
    expect(tostPaired(x, y, { low: -1, high: 1 }).ciLow).toBe(pairedT(x, y, 0.9).low);
    expect(tostPaired([1, 2], [1, 2], { low: -1, high: 1 })).toMatchObject({
      p: 0,
      equivalent: true,
      ciLow: 0,
      ciHigh: 0,
    });
    expect(() => tostWelch(x, y, { low: 1, high: -1 })).toThrow('lower bound');
  });
});

describe('ranks', () => {
  it('share what equal values take together', () => {
    expect(rank([3, 1, 3, 2, 3])).toEqual({ ranks: [4, 1, 4, 2, 4], ties: [3] });
    expect(rank([])).toEqual({ ranks: [], ties: [] });
  });
});

/** Of every choice of signs, how many have a rank sum at most as large as the smaller one. */
function wilcoxonByCounting(differences: readonly number[]): number {
  const { ranks } = rank(differences.map(Math.abs));
  const sum = (bits: number): number => ranks.reduce((total, each, i) => (bits & (1 << i) ? total + each : total), 0);
  const plus = differences.reduce((total, d, i) => (d > 0 ? total + ranks[i]! : total), 0);
  const w = Math.min(plus, ranks.reduce((a, b) => a + b, 0) - plus);
  let below = 0;
  for (let bits = 0; bits < 2 ** ranks.length; bits++) if (sum(bits) <= w) below++;
  return Math.min(1, (2 * below) / 2 ** ranks.length);
}

describe('Wilcoxon', () => {
  it('counts all signs, with ties too; zeros are dropped', () => {
    const whole = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(whole, (differences) => {
        const kept = differences.filter((d) => d !== 0);
        const found = wilcoxon(
          differences,
          differences.map(() => 0),
          { method: 'exact' },
        );
        expect(found.p).toBeCloseTo(kept.length === 0 ? 1 : wilcoxonByCounting(kept), 12);
        expect(found.wPlus + found.wMinus).toBeCloseTo((kept.length * (kept.length + 1)) / 2, 12);
      }),
    );
    expect(wilcoxon([1, 2, 3], [1, 2, 3], { method: 'normal' })).toEqual({ wPlus: 0, wMinus: 0, w: 0, p: 1 });
    const { p } = wilcoxon(x, y, { method: 'normal' });
    expect(wilcoxon(x, y, { method: 'normal', correction: true }).p).toBeGreaterThan(p);
    expect(() => wilcoxon([1], [], { method: 'exact' })).toThrow('1 and 0');
  });
});

describe('Mann-Whitney', () => {
  it('counts all ways to divide the ranks', () => {
    const few = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(few, few, (a, b) => {
        const found = mannWhitney(a, b, { method: 'exact' });
        const all = [...a, ...b];
        const { ranks } = rank(all);
        const middle = (a.length * b.length) / 2;
        const least = (a.length * (a.length + 1)) / 2;
        let asFar = 0;
        let count = 0;
        for (let bits = 0; bits < 2 ** all.length; bits++) {
          const chosen = ranks.filter((_, i) => bits & (1 << i));
          if (chosen.length !== a.length) continue;
          count++;
          const u = chosen.reduce((sum, each) => sum + each, 0) - least;
          if (Math.abs(u - middle) >= Math.abs(found.u - middle) - 1e-9) asFar++;
        }
        expect(found.p).toBeCloseTo(asFar / count, 12);
        expect(found.u + found.uOther).toBe(a.length * b.length);
        const wins = a.flatMap((v) => b.map((w): number => (v > w ? 1 : v === w ? 0.5 : 0)));
        expect(found.u).toBe(wins.reduce((sum, each) => sum + each, 0));
        expect(mannWhitney(b, a, { method: 'exact' }).p).toBeCloseTo(found.p, 12);
      }),
    );
    expect(mannWhitney([1, 1], [1, 1, 1], { method: 'normal' }).p).toBe(1);
    expect(mannWhitney([], [1], { method: 'exact' }).p).toBeNaN();
    const plain = mannWhitney(x, y, { method: 'normal' }).p;
    expect(mannWhitney(x, y, { method: 'normal', continuity: true }).p).toBeGreaterThan(plain);
  });
});

describe('bootstrap', () => {
  it('takes its resamples as given', () => {
    const data = [1, 2, 4];
    // every resample of three values
    const all = Array.from({ length: 27 }, (_, i) => [Math.floor(i / 9), Math.floor(i / 3) % 3, i % 3]).flat();
    const { estimate, percentileLow, percentileHigh, z0, acceleration } = bootstrap(data, all, 'mean', 0.9);
    expect(estimate).toBeCloseTo(7 / 3, 14);
    // one resample has the mean 1 and three 4/3, one has 4 and three 10/3; the places are 1.3 and 24.7 of 0 to 26
    expect([percentileLow, percentileHigh]).toEqual([expect.closeTo(4 / 3, 12), expect.closeTo(10 / 3, 12)]);
    // skewed to the right
    expect(acceleration).toBeGreaterThan(0);
    expect(Number.isFinite(z0)).toBe(true);
    const constant = bootstrap([2, 2, 2], all, 'mean');
    expect(constant).toMatchObject({ estimate: 2, z0: 0, acceleration: 0, bcaLow: 2, bcaHigh: 2 });
    expect(bootstrap(data, [2, 2, 2, 2, 2, 2], 'median')).toMatchObject({
      estimate: 2,
      percentileLow: 4,
      bcaLow: Number.NaN,
    });
    expect(() => bootstrap(data, [0, 1], 'mean')).toThrow('multiple of 3');
  });

  it('has percentiles between the sorted values', () => {
    expect([0, 0.25, 0.5, 1].map((fraction) => percentile([1, 2, 4], fraction))).toEqual([1, 1.5, 2, 4]);
    expect(percentile([], 0.5)).toBeNaN();
  });
});

describe('several tests', () => {
  it('are adjusted as in the papers, and in the order given', () => {
    const p = [0.01, 0.04, 0.03, 0.005];
    expect(holm(p)).toEqual([0.03, 0.06, 0.06, 0.02]);
    expect(benjaminiHochberg(p)).toEqual([0.02, 0.04, 0.04, 0.02]);
    expect([holm([]), benjaminiHochberg([])]).toEqual([[], []]);
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 }), (values) => {
        const strict = holm(values);
        benjaminiHochberg(values).forEach((each, i) => {
          expect(each).toBeGreaterThanOrEqual(values[i]! * (1 - 1e-15));
          expect(each).toBeLessThanOrEqual(strict[i]! * (1 + 1e-15));
          expect(strict[i]).toBeLessThanOrEqual(1);
        });
      }),
    );
  });
});

describe('designs', () => {
  it('two-way analysis splits the whole sum of squares', () => {
    const design = [
      [
        [3, 5, 4],
        [7, 8, 6.5],
      ],
      [
        [2, 2.5, 1],
        [9, 7, 11],
      ],
    ];
    const { a, b, ab, ssError, dfError } = anova2(design);
    const flat = design.flat(2);
    const center = flat.reduce((sum, each) => sum + each, 0) / flat.length;
    const total = flat.reduce((sum, each) => sum + (each - center) ** 2, 0);
    expect(a.ss + b.ss + ab.ss + ssError).toBeCloseTo(total, 10);
    expect([a.df, b.df, ab.df, dfError]).toEqual([1, 1, 1, 8]);
    expect(b.p).toBeLessThan(a.p);
    expect(() => anova2([[[1, 2]], [[3, 4]]])).toThrow('two levels');
    expect(() =>
      anova2([
        [[1, 2], [3]],
        [
          [4, 5],
          [6, 7],
        ],
      ]),
    ).toThrow('every cell');
  });

  it('Friedman: rows that all agree', () => {
    const agreeing = friedman([
      [1, 2, 3],
      [10, 20, 30],
      [0, 5, 6],
      [2, 3, 9],
    ]);
    // n (k - 1) is the largest chi2; with 2 degrees of freedom p = exp(-chi2 / 2)
    expect(agreeing).toMatchObject({ chi2: expect.closeTo(8, 12), df: 2, p: expect.closeTo(Math.exp(-4), 12) });
    expect(agreeing.meanRanks).toEqual([1, 2, 3]);
    expect(
      friedman([
        [1, 1],
        [2, 2],
      ]).p,
    ).toBeNaN();
    expect(() => friedman([[1, 2], [1]])).toThrow('same number');
  });

  it('regression finds a line again, and says how sure it is', () => {
    const at = [1, 2, 3, 4, 5];
    const exact = linearRegression(
      at,
      at.map((each) => 3 - 2 * each),
    );
    expect(exact).toMatchObject({ slope: -2, intercept: 3, r: -1, r2: 1, p: 0, residualStd: 0 });
    const rough = linearRegression(at, [2.1, 3.9, 6.2, 7.8, 10.1]);
    expect(rough.slope).toBeCloseTo(1.99, 12);
    expect(rough.intercept).toBeCloseTo(0.05, 12);
    expect(rough.slopeLow).toBeLessThan(1.99);
    expect(rough.slopeHigh - 1.99).toBeCloseTo(1.99 - rough.slopeLow, 12);
    expect(linearRegression([1, 1], [1, 2]).slope).toBeNaN();
    expect(linearRegression([1, 2], [1, 2])).toMatchObject({ slope: 1, slopeSe: Number.NaN, p: Number.NaN });
    expect(() => linearRegression([1], [])).toThrow('1 and 0');
  });
});
