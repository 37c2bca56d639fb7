/** Both tails of a distribution at one place, each computed without subtracting from 1 where it is small. */
export interface Tails {
  /** P(X <= x) */
  readonly cdf: number;
  /** P(X > x) */
  readonly sf: number;
}

/** Of an argument that is not a number, or of parameters that no distribution has. */
export const undefinedTails: Tails = { cdf: Number.NaN, sf: Number.NaN };
