import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chiSquared } from '../../../lab/stats/chiSquared.ts';
import { fDistribution } from '../../../lab/stats/fDistribution.ts';
import { incompleteBeta } from '../../../lab/stats/incompleteBeta.ts';
import { logGamma } from '../../../lab/stats/logGamma.ts';
import { normal, normalQuantile } from '../../../lab/stats/normal.ts';
import { stirlingRest } from '../../../lab/stats/stirling.ts';
import { studentT } from '../../../lab/stats/studentT.ts';

/** Relative error; exact where both are 0. */
const off = (found: number, expected: number): number =>
  found === expected ? 0 : Math.abs(found - expected) / Math.abs(expected);

describe('normal distribution', () => {
  it('keeps far tails: the asymptotic series bounds them', () => {
    for (const z of [10, 20, 34]) {
      const density = Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
      const { sf } = normal(z);
      expect(sf).toBeLessThan((density / z) * (1 - 1 / z ** 2 + 3 / z ** 4));
      expect(sf).toBeGreaterThan((density / z) * (1 - 1 / z ** 2 + 3 / z ** 4 - 15 / z ** 6));
      expect(normal(-z).cdf).toBe(sf);
    }
    expect(normal(34).sf).toBeLessThan(1e-250);
    expect(off(normal(1.959963984540054).sf, 0.025)).toBeLessThan(1e-14);
    expect([normal(0), normal(Infinity), normal(-Infinity)]).toEqual([
      { cdf: 0.5, sf: 0.5 },
      { cdf: 1, sf: 0 },
      { cdf: 0, sf: 1 },
    ]);
    expect(normal(Number.NaN).cdf).toBeNaN();
  });

  it('quantile and distribution undo one another, also where p is tiny', () => {
    fc.assert(
      fc.property(fc.double({ min: -300, max: -0.31, noNaN: true }), (exponent) => {
        const p = 10 ** exponent;
        const z = normalQuantile(p);
        expect(off(normal(z).cdf, p)).toBeLessThan(1e-10);
        if (p > 1e-4) expect(normalQuantile(1 - p)).toBeCloseTo(-z, 9);
      }),
    );
    expect([0, 0.5, 1].map(normalQuantile)).toEqual([-Infinity, 0, Infinity]);
    expect(normalQuantile(1.1)).toBeNaN();
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 14);
    expect(normalQuantile(0.5 + 1e-9)).toBeCloseTo(1e-9 * Math.sqrt(2 * Math.PI), 15);
  });
});

describe('chi-squared distribution', () => {
  it('with 2 degrees of freedom is exponential, with 1 the square of a normal, with 2k a Poisson sum', () => {
    for (const x of [1e-9, 0.1, 2, 40, 1000]) {
      expect(off(chiSquared(x, 2).sf, Math.exp(-x / 2))).toBeLessThan(1e-12);
      expect(off(chiSquared(x, 1).sf, 2 * normal(Math.sqrt(x)).sf)).toBeLessThan(1e-12);
      let poisson = 0;
      let term = Math.exp(-x / 2);
      for (let k = 0; k < 5; k++) {
        poisson += term;
        term *= x / 2 / (k + 1);
      }
      expect(off(chiSquared(x, 10).sf, poisson)).toBeLessThan(1e-12);
    }
    expect(off(chiSquared(1e-9, 2).cdf, -Math.expm1(-5e-10))).toBeLessThan(1e-12);
    expect(chiSquared(-1, 3)).toEqual({ cdf: 0, sf: 1 });
    expect(chiSquared(1, 0).sf).toBeNaN();
    // many degrees of freedom: Wilson and Hilferty's cube root is normal to about 1e-5
    const df = 1e6;
    const cube = (1.002 ** (1 / 3) - (1 - 2 / (9 * df))) / Math.sqrt(2 / (9 * df));
    expect(chiSquared(1.002 * df, df).sf).toBeCloseTo(normal(cube).sf, 5);
  });
});

describe('F distribution', () => {
  it('with one degree above is the square of t, has closed forms, and turns over', () => {
    for (const df of [1, 3.5, 40, 1e5]) {
      for (const t of [0.1, 1, 7, 50]) {
        expect(off(fDistribution(t * t, 1, df).sf, 2 * studentT(t, df).sf)).toBeLessThan(1e-9);
      }
    }
    for (const f of [0.01, 1, 30, 1e8]) {
      // 2 and n degrees of freedom: (1 + 2f / n)^(-n / 2)
      expect(off(fDistribution(f, 2, 8).sf, (1 + f / 4) ** -4)).toBeLessThan(1e-12);
      expect(off(fDistribution(f, 3, 7).sf, fDistribution(1 / f, 7, 3).cdf)).toBeLessThan(1e-12);
    }
    expect([fDistribution(0, 2, 3), fDistribution(Infinity, 2, 3)]).toEqual([
      { cdf: 0, sf: 1 },
      { cdf: 1, sf: 0 },
    ]);
    expect(fDistribution(Number.NaN, 2, 3).sf).toBeNaN();
  });

  it('has tails that add up', () => {
    const df = fc.double({ min: 0.2, max: 1e5, noNaN: true });
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), df, df, (f, a, b) => {
        const { cdf, sf } = fDistribution(f, a, b);
        expect(Math.abs(cdf + sf - 1)).toBeLessThan(1e-12);
        expect(cdf).toBeGreaterThanOrEqual(0);
        expect(sf).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('what they are made of', () => {
  it('incomplete beta: whole parameters are a binomial sum', () => {
    const choose = (n: number, k: number): number =>
      Array.from({ length: k }).reduce<number>((c, _, i) => (c * (n - i)) / (i + 1), 1);
    for (const x of [0.05, 0.4, 0.9]) {
      let sum = 0;
      for (let k = 3; k <= 8; k++) sum += choose(8, k) * x ** k * (1 - x) ** (8 - k);
      expect(off(incompleteBeta(x, 1 - x, 3, 6).lower, sum)).toBeLessThan(1e-12);
    }
    expect(incompleteBeta(0, 1, 2, 3)).toEqual({ lower: 0, upper: 1 });
    expect(incompleteBeta(1, 0, 2, 3)).toEqual({ lower: 1, upper: 0 });
  });

  it("the rest of Stirling's formula has no seam and leads to the factorial", () => {
    expect(stirlingRest(10 - 1e-9)).toBeCloseTo(stirlingRest(10), 11);
    const x = 30;
    const stirling = (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + stirlingRest(x);
    expect(off(stirling, logGamma(x))).toBeLessThan(1e-14);
  });
});
