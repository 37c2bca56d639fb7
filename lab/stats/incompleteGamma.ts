import { continuedFraction } from './continuedFraction.ts';
import { stirlingRest } from './stirling.ts';

const maximumTerms = 100_000;

/** x^a e^-x / gamma(a), with logarithms relative to the peak at x = a. */
function front(a: number, x: number): number {
  const off = (x - a) / a;
  const distance = Math.abs(off) < 0.5 ? off - Math.log1p(off) : off - Math.log(x / a);
  return Math.sqrt(a / (2 * Math.PI)) * Math.exp(-a * distance - stirlingRest(a));
}

/** The lower tail by its power series (NIST DLMF 8.11.4), which converges fast for x < a + 1. */
function lowerSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n <= maximumTerms; n++) {
    term *= x / (a + n);
    sum += term;
    if (term < sum * 1e-17) break;
  }
  return front(a, x) * sum;
}

/** The upper tail by its continued fraction (NIST DLMF 8.9.2, contracted), which converges fast for x > a + 1. */
function upperFraction(a: number, x: number): number {
  return front(a, x) / continuedFraction(x + 1 - a, (n) => [-n * (n - a), x + 1 - a + 2 * n]);
}

/** The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 - P(a, x), for a > 0 and x >= 0. */
export function incompleteGamma(a: number, x: number): { lower: number; upper: number } {
  if (x <= 0) return { lower: 0, upper: 1 };
  if (x === Infinity) return { lower: 1, upper: 0 };
  if (x < a + 1) {
    const lower = lowerSeries(a, x);
    return { lower, upper: 1 - lower };
  }
  const upper = upperFraction(a, x);
  return { lower: 1 - upper, upper };
}
