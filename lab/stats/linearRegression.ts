import { mean } from './moments.ts';
import { studentT, studentTQuantile } from './studentT.ts';

export interface LinearRegression {
  readonly slope: number;
  readonly intercept: number;
  /** Pearson's correlation. */
  readonly r: number;
  readonly r2: number;
  /** Of slope = 0, two-sided. */
  readonly p: number;
  readonly slopeSe: number;
  readonly interceptSe: number;
  readonly slopeLow: number;
  readonly slopeHigh: number;
  readonly interceptLow: number;
  readonly interceptHigh: number;
  /** Divides by n - 2. */
  readonly residualStd: number;
}

/**
 * The straight line through points (x, y) by least squares, with t intervals. NaN where x does not vary; errors are NaN for fewer
 * than three points.
 */
export function linearRegression(x: readonly number[], y: readonly number[], confidence = 0.95): LinearRegression {
  if (x.length !== y.length) {
    throw new Error(`Points need as many x as y, not ${x.length} and ${y.length}.`);
  }
  const n = x.length;
  const df = n - 2;
  const meanX = mean(x);
  const meanY = mean(y);
  let xx = 0;
  let yy = 0;
  let xy = 0;
  for (let i = 0; i < n; i++) {
    xx += (x[i]! - meanX) ** 2;
    yy += (y[i]! - meanY) ** 2;
    xy += (x[i]! - meanX) * (y[i]! - meanY);
  }
  const slope = xy / xx;
  const intercept = meanY - slope * meanX;
  const residuals = x.reduce((sum, value, i) => sum + (y[i]! - meanY - slope * (value - meanX)) ** 2, 0);
  const residualStd = df > 0 ? Math.sqrt(residuals / df) : Number.NaN;
  const slopeSe = residualStd / Math.sqrt(xx);
  const interceptSe = residualStd * Math.sqrt(1 / n + meanX ** 2 / xx);
  const { cdf, sf } = studentT(slope / slopeSe, df);
  const quantile = studentTQuantile(0.5 + confidence / 2, df);
  const r = Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy)));
  return {
    slope,
    intercept,
    r,
    r2: r ** 2,
    p: Math.min(1, 2 * Math.min(cdf, sf)),
    slopeSe,
    interceptSe,
    slopeLow: slope - quantile * slopeSe,
    slopeHigh: slope + quantile * slopeSe,
    interceptLow: intercept - quantile * interceptSe,
    interceptHigh: intercept + quantile * interceptSe,
    residualStd,
  };
}
