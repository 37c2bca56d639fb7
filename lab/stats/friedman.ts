import { chiSquared } from './chiSquared.ts';
import { mean } from './moments.ts';
import { rank, tieSum } from './ranks.ts';

export interface Friedman {
  /** Corrected for ties. */
  readonly chi2: number;
  readonly df: number;
  readonly p: number;
  /** Per treatment; 1 is the smallest value of a block. */
  readonly meanRanks: readonly number[];
}

/**
 * Rank test for k treatments in n blocks (Friedman 1937): y[i][j] is block i (a seed, a data set) under treatment j. chi2 and p
 * are NaN when every block gives all treatments the same value. Throws when the blocks differ in length.
 */
export function friedman(y: readonly (readonly number[])[]): Friedman {
  const n = y.length;
  const k = y[0]?.length ?? 0;
  if (n === 0 || k < 2 || y.some((block) => block.length !== k)) {
    throw new Error('The Friedman test needs blocks with the same number of treatments, at least 2.');
  }
  const rankings = y.map(rank);
  const meanRanks = y[0]!.map((_, j) => mean(rankings.map(({ ranks }) => ranks[j]!)));
  const off = meanRanks.reduce((sum, each) => sum + (each - (k + 1) / 2) ** 2, 0);
  const correction = 1 - rankings.reduce((sum, { ties }) => sum + tieSum(ties), 0) / (n * (k ** 3 - k));
  const chi2 = (12 * n * off) / (k * (k + 1)) / correction;
  return { chi2, df: k - 1, p: chiSquared(chi2, k - 1).sf, meanRanks };
}
