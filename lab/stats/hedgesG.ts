import { mean, variance } from './moments.ts';
import { normalQuantile } from './normal.ts';

export interface HedgesG {
  /** Cohen's d: difference of the means over the pooled standard deviation. */
  readonly d: number;
  readonly correction: number;
  readonly g: number;
  readonly se: number;
  readonly low: number;
  readonly high: number;
}

/** Standardised mean difference with the correction for small samples and a normal interval (Hedges 1981). */
export function hedgesG(x: readonly number[], y: readonly number[], confidence = 0.95): HedgesG {
  const df = x.length + y.length - 2;
  const pooled = Math.sqrt(((x.length - 1) * variance(x) + (y.length - 1) * variance(y)) / df);
  const d = (mean(x) - mean(y)) / pooled;
  const correction = 1 - 3 / (4 * df - 1);
  const g = correction * d;
  const se = Math.sqrt((x.length + y.length) / (x.length * y.length) + g ** 2 / (2 * (x.length + y.length)));
  const reach = normalQuantile(0.5 + confidence / 2) * se;
  return { d, correction, g, se, low: g - reach, high: g + reach };
}
