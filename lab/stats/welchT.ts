import { meanDifference } from './meanDifference.ts';
import { studentT } from './studentT.ts';

export interface TTest {
  readonly t: number;
  readonly df: number;
  /** Two-sided. */
  readonly p: number;
  /** That x lies above y. */
  readonly pGreater: number;
  readonly pLess: number;
}

/** Welch's t test of two independent samples (Welch 1947). */
export function welchT(x: readonly number[], y: readonly number[]): TTest {
  const { difference, se, df } = meanDifference(x, y);
  return tTest(difference / se, df);
}

export function tTest(t: number, df: number): TTest {
  const { cdf, sf } = studentT(t, df);
  return { t, df, p: Math.min(1, 2 * Math.min(cdf, sf)), pGreater: sf, pLess: cdf };
}
