import { incompleteGamma } from './incompleteGamma.ts';
import { undefinedTails, type Tails } from './tails.ts';

/** The chi-squared distribution with `df` > 0 degrees of freedom (need not be whole) at x. NaN for NaN. */
export function chiSquared(x: number, df: number): Tails {
  if (Number.isNaN(x) || !(df > 0)) return undefinedTails;
  const { lower, upper } = incompleteGamma(df / 2, x / 2);
  return { cdf: lower, sf: upper };
}
