import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hedgesG } from '../../../lab/stats/hedgesG.ts';
import { logGamma, logGammaHalfStep } from '../../../lab/stats/logGamma.ts';
import { meanDifference } from '../../../lab/stats/meanDifference.ts';
import { pairedT } from '../../../lab/stats/pairedT.ts';
import { studentT, studentTQuantile } from '../../../lab/stats/studentT.ts';
import { welchT } from '../../../lab/stats/welchT.ts';

describe("Student's t", () => {
  it('has the quantiles of the printed tables, and of closed forms', () => {
    expect(studentTQuantile(0.975, 2)).toBeCloseTo(4.302652729749464, 10);
    expect(studentTQuantile(0.975, 10)).toBeCloseTo(2.2281388519649385, 10);
    expect(studentTQuantile(0.95, 30)).toBeCloseTo(1.6972608865939574, 10);
    // one degree of freedom is the Cauchy distribution
    for (const p of [0.01, 0.3, 0.9, 0.999])
      expect(studentTQuantile(p, 1)).toBeCloseTo(Math.tan(Math.PI * (p - 0.5)), 9);
    // two: t = (2p - 1) sqrt(2 / (4 p (1 - p)))
    for (const p of [0.2, 0.6, 0.99])
      expect(studentTQuantile(p, 2)).toBeCloseTo((2 * p - 1) * Math.sqrt(1 / (2 * p * (1 - p))), 10);
    // many: the normal distribution and the first term of its expansion in 1 / df
    const z = 1.959963984540054;
    expect(studentTQuantile(0.975, 1e6)).toBeCloseTo(z + (z ** 3 + z) / 4e6, 9);
    expect([studentTQuantile(0, 3), studentTQuantile(1, 3), studentTQuantile(0.5, 3)]).toEqual([
      -Infinity,
      Infinity,
      0,
    ]);
    expect(studentTQuantile(2, 3)).toBeNaN();
  });

  it('keeps far tails', () => {
    // df = 1: the upper tail is atan(1 / t) / pi
    for (const t of [0.1, 1, 1e3, 1e8, 1e100])
      expect(studentT(t, 1).sf / (Math.atan(1 / t) / Math.PI)).toBeCloseTo(1, 10);
    expect(studentT(Infinity, 3)).toEqual({ cdf: 1, sf: 0 });
    expect(studentT(0, 3)).toEqual({ cdf: 0.5, sf: 0.5 });
    expect(studentT(Number.NaN, 3).cdf).toBeNaN();
  });

  it('quantile and distribution undo one another; tails are symmetric and add up', () => {
    const df = fc.double({ min: 0.5, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1 - 1e-9, noNaN: true }), df, (p, freedom) => {
        const t = studentTQuantile(p, freedom);
        const { cdf, sf } = studentT(t, freedom);
        expect(Math.abs(cdf - p)).toBeLessThan(1e-10 * Math.max(p, 1e-3));
        expect(Math.abs(cdf + sf - 1)).toBeLessThan(1e-12);
        expect(studentT(-t, freedom).cdf).toBeCloseTo(sf, 12);
      }),
      { numRuns: 300 },
    );
  });
});

describe('log gamma', () => {
  it('is the logarithm of the factorial, and its half step has no seam', () => {
    let factorial = 1;
    for (let n = 1; n <= 20; n++) {
      expect(logGamma(n)).toBeCloseTo(Math.log(factorial), 12);
      factorial *= n;
    }
    expect(logGamma(0.5)).toBeCloseTo(0.5 * Math.log(Math.PI), 13);
    expect(logGammaHalfStep(40)).toBeCloseTo(logGamma(40.5) - logGamma(40), 12);
    expect(logGammaHalfStep(39.999999)).toBeCloseTo(logGammaHalfStep(40), 7);
  });
});

describe('two samples', () => {
  // a classic: Student's sleep data (1908), extra hours of sleep with two drugs on ten patients
  const x = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
  const y = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];

  it('paired', () => {
    const { t, df, p, difference, low, high } = pairedT(x, y);
    expect([t, df, p]).toEqual([expect.closeTo(-4.062127683382037, 10), 9, expect.closeTo(0.00283289019738, 10)]);
    expect([difference, low, high]).toEqual([
      expect.closeTo(-1.58, 10),
      expect.closeTo(-2.4598857633, 8),
      expect.closeTo(-0.7001142367, 8),
    ]);
  });

  it('independent (Welch)', () => {
    const { t, df, p } = welchT(x, y);
    expect([t, df, p]).toEqual([
      expect.closeTo(-1.8608134674868526, 10),
      expect.closeTo(17.776473516178, 8),
      expect.closeTo(0.07939414018736, 10),
    ]);
    const { low, high } = meanDifference(x, y);
    expect([low, high]).toEqual([expect.closeTo(-3.3654832307, 8), expect.closeTo(0.2054832307, 8)]);
  });

  it('effect size', () => {
    const { d, g, correction } = hedgesG(x, y);
    expect([d, correction, g]).toEqual([
      expect.closeTo(-0.8321811, 6),
      1 - 3 / 71,
      expect.closeTo(-0.8321811 * (1 - 3 / 71), 6),
    ]);
  });

  it('that do not vary give an interval of no width; too few give none', () => {
    expect(meanDifference([1, 1], [2, 2])).toMatchObject({ difference: -1, low: -1, high: -1 });
    expect(pairedT([1, 2], [2, 3])).toMatchObject({ difference: -1, low: -1, high: -1 });
    expect(meanDifference([1], [2, 3]).low).toBeNaN();
    expect(pairedT([1], [2]).low).toBeNaN();
  });

  it('is wider over folds, by what they share (Nadeau and Bengio 2003)', () => {
    const x = [0.91, 0.93, 0.9, 0.94, 0.92];
    const y = [0.9, 0.9, 0.89, 0.92, 0.91];
    const plain = pairedT(x, y);
    const folded = pairedT(x, y, 0.95, 1 / 4);
    // of 5 folds the variance of the mean is (1/5 + 1/4) instead of 1/5 times that of the differences
    expect(folded.se / plain.se).toBeCloseTo(Math.sqrt((1 / 5 + 1 / 4) / (1 / 5)), 12);
    expect(folded.t).toBeCloseTo(plain.t / 1.5, 12);
    expect(folded.df).toBe(4);
    expect(meanDifference(x, y, 0.95, [1 / 4, 1 / 4]).se / meanDifference(x, y).se).toBeCloseTo(1.5, 12);
  });
});
