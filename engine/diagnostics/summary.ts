import { percentiles } from './percentiles.ts';

export interface Summary {
  readonly mean: number;
  /** Divides by n. */
  readonly std: number;
  /** Divides by n - 1. */
  readonly stdUnbiased: number;
  readonly min: number;
  readonly max: number;
  /** In the order that they were asked for. */
  readonly percentiles: readonly number[];
  /** Share of values that are exactly 0. */
  readonly zeroFraction: number;
  /** m3 / m2^1.5 and m4 / m2² - 3, of central moments that divide by n; NaN where the values do not vary. */
  readonly skewness: number;
  readonly kurtosis: number;
  readonly l2Norm: number;
}

/** The percentiles that a plot of a distribution over time draws. */
export const usualPercentiles = [1, 5, 15, 25, 50, 75, 85, 95, 99] as const;

/** Statistics of all values of a tensor, computed in doubles and in two passes. A NaN among the values makes the results NaN. */
export function summarise(x: ArrayLike<number>, at: readonly number[] = usualPercentiles): Summary {
  const n = x.length;
  let sum = 0;
  let squares = 0;
  let zeros = 0;
  let min = n === 0 ? Number.NaN : Infinity;
  let max = n === 0 ? Number.NaN : -Infinity;
  for (let i = 0; i < n; i++) {
    const value = x[i]!;
    sum += value;
    squares += value * value;
    if (value === 0) zeros++;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  const mean = sum / n;
  let second = 0;
  let third = 0;
  let fourth = 0;
  for (let i = 0; i < n; i++) {
    const off = x[i]! - mean;
    const square = off * off;
    second += square;
    third += square * off;
    fourth += square * square;
  }
  const variance = second / n;
  return {
    mean,
    std: Math.sqrt(variance),
    stdUnbiased: n > 1 ? Math.sqrt(second / (n - 1)) : Number.NaN,
    min,
    max,
    percentiles: percentiles(x, at),
    zeroFraction: zeros / n,
    skewness: third / n / variance ** 1.5,
    kurtosis: fourth / n / variance ** 2 - 3,
    l2Norm: Math.sqrt(squares),
  };
}
