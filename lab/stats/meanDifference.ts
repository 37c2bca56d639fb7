import { mean, variance } from './moments.ts';
import { studentTQuantile } from './studentT.ts';

export interface MeanDifference {
  /** mean(x) - mean(y) */
  readonly difference: number;
  readonly se: number;
  /** Welch-Satterthwaite. */
  readonly df: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Difference of the means of two independent samples with Welch's interval (Welch 1947), which does not assume equal
 * variances. `overlaps`: of the folds of either side (pairedT.ts), if its values are folds. NaN where a sample has fewer than two values; an interval of no width where neither varies.
 */
export function meanDifference(
  x: readonly number[],
  y: readonly number[],
  confidence = 0.95,
  overlaps: readonly [number, number] = [0, 0],
): MeanDifference {
  const difference = mean(x) - mean(y);
  const vx = variance(x) * (1 / x.length + overlaps[0]);
  const vy = variance(y) * (1 / y.length + overlaps[1]);
  const se = Math.sqrt(vx + vy);
  const df = (vx + vy) ** 2 / (vx ** 2 / (x.length - 1) + vy ** 2 / (y.length - 1));
  if (se === 0) return { difference, se, df: x.length + y.length - 2, low: difference, high: difference };
  const reach = studentTQuantile(0.5 + confidence / 2, df) * se;
  return { difference, se, df, low: difference - reach, high: difference + reach };
}
