import { incompleteBeta } from './incompleteBeta.ts';
import { undefinedTails, type Tails } from './tails.ts';

/** The F distribution with `df1` and `df2` > 0 degrees of freedom (need not be whole) at f. NaN for NaN. */
export function fDistribution(f: number, df1: number, df2: number): Tails {
  if (Number.isNaN(f) || !(df1 > 0 && df2 > 0)) return undefinedTails;
  if (f <= 0) return { cdf: 0, sf: 1 };
  const ratio = (df1 * f) / df2;
  if (ratio === Infinity) return { cdf: 1, sf: 0 };
  const { lower, upper } = incompleteBeta(ratio / (1 + ratio), 1 / (1 + ratio), df1 / 2, df2 / 2);
  return { cdf: lower, sf: upper };
}
