import { mean, standardDeviation } from './moments.ts';
import { normal, normalQuantile } from './normal.ts';
import { percentile } from './percentile.ts';

export interface Bootstrap {
  /** The statistic of the sample itself. */
  readonly estimate: number;
  readonly percentileLow: number;
  readonly percentileHigh: number;
  /** Bias correction. */
  readonly z0: number;
  readonly acceleration: number;
  /** Bias-corrected and accelerated interval (Efron 1987). NaN where every resample lies on one side of the estimate. */
  readonly bcaLow: number;
  readonly bcaHigh: number;
}

const median = (values: readonly number[]): number =>
  percentile(
    values.toSorted((a, b) => a - b),
    0.5,
  );

/** 'std' divides by n - 1. */
export const bootstrapStatistics = { mean, median, std: standardDeviation } as const;
export type BootstrapStatistic = keyof typeof bootstrapStatistics;

/**
 * Bootstrap intervals of a statistic from given resamples: `resamples` holds, one resample after the other, as many indices into
 * x as x has values. The same indices for two arms pair their resamples.
 */
export function bootstrap(
  x: readonly number[],
  resamples: ArrayLike<number>,
  statistic: BootstrapStatistic,
  confidence = 0.95,
): Bootstrap {
  const n = x.length;
  const count = resamples.length / n;
  if (!Number.isInteger(count) || count < 1) {
    throw new Error(`Resamples of ${n} values need a multiple of ${n} indices, not ${resamples.length}.`);
  }
  const statisticOf = bootstrapStatistics[statistic];
  const estimate = statisticOf(x);
  const drawn = Array.from({ length: count }, (_, b) => statisticOf(x.map((_, i) => x[resamples[b * n + i]!]!)));
  drawn.sort((a, b) => a - b);

  const tail = (1 - confidence) / 2;
  // a resample of the same values in another order has the same statistic, but for the order in which it was summed
  const rounding = 1e-12 * Math.max(Math.abs(estimate), ...x.map(Math.abs));
  const below = drawn.filter((value) => value < estimate - rounding).length;
  const notAbove = drawn.filter((value) => value <= estimate + rounding).length;
  const z0 = normalQuantile((below + notAbove) / (2 * count));
  const acceleration = accelerationOf(x.map((_, left) => statisticOf(x.filter((_, i) => i !== left))));
  const bca = (level: number): number => {
    if (!Number.isFinite(z0)) return Number.NaN;
    const z = z0 + normalQuantile(level);
    return percentile(drawn, normal(z0 + z / (1 - acceleration * z)).cdf);
  };
  return {
    estimate,
    percentileLow: percentile(drawn, tail),
    percentileHigh: percentile(drawn, 1 - tail),
    z0,
    acceleration,
    bcaLow: bca(tail),
    bcaHigh: bca(1 - tail),
  };
}

/** Skewness of the jackknife values (each with one observation left out), a sixth of it; 0 where they do not vary. */
function accelerationOf(jackknife: readonly number[]): number {
  const center = mean(jackknife);
  let squares = 0;
  let cubes = 0;
  for (const value of jackknife) {
    squares += (center - value) ** 2;
    cubes += (center - value) ** 3;
  }
  return squares === 0 ? 0 : cubes / (6 * squares ** 1.5);
}
