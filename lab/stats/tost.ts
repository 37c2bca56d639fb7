import { meanDifference } from './meanDifference.ts';
import { pairedT } from './pairedT.ts';
import { studentT, studentTQuantile } from './studentT.ts';

export interface Equivalence {
  readonly tLow: number;
  readonly tHigh: number;
  readonly df: number;
  /** That the difference lies below `low`, one-sided; small speaks against it. */
  readonly pLow: number;
  /** That the difference lies above `high`. */
  readonly pHigh: number;
  /** The larger of the two. */
  readonly p: number;
  /** Interval of confidence 1 - 2 alpha. */
  readonly ciLow: number;
  readonly ciHigh: number;
  /** p < alpha: the difference lies between the bounds. */
  readonly equivalent: boolean;
}

/** The smallest differences that would matter: mean(x) - mean(y) is called equivalent to 0 when it lies between them. */
export interface EquivalenceBounds {
  readonly low: number;
  readonly high: number;
  /** Default 0.05. */
  readonly alpha?: number;
}

/** Two one-sided t tests (Schuirmann 1987) of independent samples, without assuming equal variances. */
export function tostWelch(x: readonly number[], y: readonly number[], bounds: EquivalenceBounds): Equivalence {
  return tost(meanDifference(x, y), bounds);
}

/** Two one-sided t tests (Schuirmann 1987) of x - y, value by value. */
export function tostPaired(x: readonly number[], y: readonly number[], bounds: EquivalenceBounds): Equivalence {
  return tost(pairedT(x, y), bounds);
}

interface Estimate {
  readonly difference: number;
  readonly se: number;
  readonly df: number;
}

function tost({ difference, se, df }: Estimate, { low, high, alpha = 0.05 }: EquivalenceBounds): Equivalence {
  if (!(low < high)) throw new Error(`Equivalence needs a lower bound below the upper one, not ${low} and ${high}.`);
  const tLow = (difference - low) / se;
  const tHigh = (difference - high) / se;
  const pLow = studentT(tLow, df).sf;
  const pHigh = studentT(tHigh, df).cdf;
  const p = Math.max(pLow, pHigh);
  const reach = se === 0 ? 0 : studentTQuantile(1 - alpha, df) * se;
  const ciLow = difference - reach;
  return { tLow, tHigh, df, pLow, pHigh, p, ciLow, ciHigh: difference + reach, equivalent: p < alpha };
}
