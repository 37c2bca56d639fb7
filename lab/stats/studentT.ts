import { betaFraction } from './incompleteBeta.ts';
import { logGammaHalfStep } from './logGamma.ts';
import { undefinedTails, type Tails } from './tails.ts';

/** P(T > t) for t >= 0: half of I_x(df / 2, 1 / 2) at x = df / (df + t²). */
function upperTail(t: number, df: number): number {
  if (t === Infinity) return 0;
  const a = df / 2;
  const ratio = (t * t) / df;
  // logarithms of x and 1 - x, neither of which may be rounded to 0 or 1 on the way
  const logX = -Math.log1p(ratio);
  const logRest = Math.log(ratio) + logX;
  const x = Math.exp(logX);
  const rest = ratio / (1 + ratio);
  // 1 / B(a, 1/2) = gamma(a + 1/2) / (gamma(a) sqrt(pi))
  const front = Math.exp(logGammaHalfStep(a) - 0.5 * Math.log(Math.PI) + a * logX + 0.5 * logRest);
  if (x < (a + 1) / (a + 2.5)) return (0.5 * front * betaFraction(x, a, 0.5)) / a;
  if (ratio === 0) return 0.5;
  return 0.5 * (1 - (front * betaFraction(rest, 0.5, a)) / 0.5);
}

/**
 * Student's t distribution with `df` > 0 degrees of freedom (need not be whole). NaN for NaN. Both tails have a relative error
 * below 1e-10 up to a million degrees of freedom.
 */
export function studentT(t: number, df: number): Tails {
  if (Number.isNaN(t) || !(df > 0)) return undefinedTails;
  const tail = upperTail(Math.abs(t), df);
  return t >= 0 ? { cdf: 1 - tail, sf: tail } : { cdf: tail, sf: 1 - tail };
}

/** Density at t. */
function density(t: number, df: number): number {
  const log = logGammaHalfStep(df / 2) - 0.5 * Math.log(Math.PI * df) - ((df + 1) / 2) * Math.log1p((t * t) / df);
  return Math.exp(log);
}

/** The t with P(T <= t) = p, by Newton's method kept inside a bracket. Relative error about 1e-13; ±Infinity for 1 and 0. */
export function studentTQuantile(p: number, df: number): number {
  if (!(p >= 0 && p <= 1) || !(df > 0)) return Number.NaN;
  if (p === 0.5) return 0;
  if (p < 0.5) return -upperQuantile(p, df);
  return upperQuantile(1 - p, df);
}

/** The t > 0 with P(T > t) = tail. */
function upperQuantile(tail: number, df: number): number {
  if (tail === 0) return Infinity;
  let low = 0;
  let high = 1;
  while (upperTail(high, df) > tail) {
    low = high;
    high *= 2;
    if (high > 1e300) return Infinity;
  }
  let t = (low + high) / 2;
  for (let i = 0; i < 200; i++) {
    const off = upperTail(t, df) - tail;
    if (off > 0) low = t;
    else high = t;
    const newton = t + off / density(t, df);
    const next = newton > low && newton < high ? newton : (low + high) / 2;
    if (Math.abs(next - t) <= 1e-15 * t) return next;
    t = next;
  }
  return t;
}
