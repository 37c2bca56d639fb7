import { incompleteGamma } from './incompleteGamma.ts';
import { undefinedTails, type Tails } from './tails.ts';

/** P(Z > z) for z >= 0. */
const upperTail = (z: number): number => 0.5 * incompleteGamma(0.5, 0.5 * z * z).upper;

/** The standard normal distribution at z. Both tails have a relative error below 1e-12 down to 1e-300. */
export function normal(z: number): Tails {
  if (Number.isNaN(z)) return undefinedTails;
  const tail = upperTail(Math.abs(z));
  return z >= 0 ? { cdf: 1 - tail, sf: tail } : { cdf: tail, sf: 1 - tail };
}

const density = (z: number): number => Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);

/** The z with P(Z <= z) = p; ±Infinity for 1 and 0, NaN outside of [0, 1]. */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) return Number.NaN;
  if (p === 0.5) return 0;
  return p < 0.5 ? -upperQuantile(p) : upperQuantile(1 - p);
}

/**
 * The z > 0 with P(Z > z) = tail < 1/2, by Newton's method on the logarithm of the tail. That is a concave function, so from
 * sqrt(-2 ln tail), which lies above the solution, the steps go down to it without ever passing it.
 */
function upperQuantile(tail: number): number {
  if (tail === 0) return Infinity;
  let z = Math.sqrt(-2 * Math.log(tail));
  for (let i = 0; i < 100; i++) {
    const here = upperTail(z);
    const step = (Math.log(here / tail) * here) / density(z);
    z += step;
    if (Math.abs(step) <= 1e-15 * z) break;
  }
  return z;
}
