import { normal } from './normal.ts';
import { rank, tieSum } from './ranks.ts';

export interface MannWhitney {
  /** Pairs with x > y, those with x = y counted half. */
  readonly u: number;
  /** The same for y > x; the two add up to the number of pairs. */
  readonly uOther: number;
  /** Two-sided. */
  readonly p: number;
}

export interface MannWhitneyOptions {
  /** 'exact': all ways to divide the ranks counted, also with ties. 'normal': the normal approximation, corrected for ties. */
  readonly method: 'exact' | 'normal';
  /** Of the normal approximation: the distance to the mean shrinks by 0.5. Default false. */
  readonly continuity?: boolean;
}

/** Rank-sum test of two independent samples (Mann and Whitney 1947). NaN for an empty sample; p is 1 when all values are equal. */
export function mannWhitney(x: readonly number[], y: readonly number[], options: MannWhitneyOptions): MannWhitney {
  const pairs = x.length * y.length;
  if (pairs === 0) return { u: Number.NaN, uOther: Number.NaN, p: Number.NaN };
  const { ranks, ties } = rank([...x, ...y]);
  const u = ranks.slice(0, x.length).reduce((sum, each) => sum + each, 0) - (x.length * (x.length + 1)) / 2;
  const uOther = pairs - u;
  const larger = Math.max(u, uOther);
  const p =
    options.method === 'exact'
      ? exactP(ranks, x.length, Math.min(u, uOther))
      : normalP(x.length, y.length, ties, larger, options.continuity ?? false);
  return { u, uOther, p };
}

/**
 * The share of the choices of n of the ranks whose U lies as far from its mean as u, or farther. `ways[k][s]` counts the choices
 * of k ranks with the (doubled) sum s among those seen so far.
 */
function exactP(ranks: readonly number[], n: number, u: number): number {
  const doubled = ranks.map((each) => Math.round(2 * each));
  const total = doubled.reduce((sum, each) => sum + each, 0);
  const ways = Array.from({ length: n + 1 }, () => new Float64Array(total + 1));
  ways[0]![0] = 1;
  for (const each of doubled) {
    for (let k = n; k > 0; k--) {
      for (let sum = total; sum >= each; sum--) ways[k]![sum]! += ways[k - 1]![sum - each]!;
    }
  }
  const least = n * (n + 1);
  const at = Math.round(2 * u);
  const middle = n * (ranks.length - n);
  let all = 0;
  let asFar = 0;
  ways[n]!.forEach((count, sum) => {
    all += count;
    // both tails, so that ties, which may make the distribution lopsided, count as they are
    if (Math.abs(sum - least - middle) >= middle - at) asFar += count;
  });
  return Math.min(1, asFar / all);
}

function normalP(n: number, m: number, ties: readonly number[], larger: number, continuity: boolean): number {
  const all = n + m;
  const variance = ((n * m) / 12) * (all + 1 - tieSum(ties) / (all * (all - 1)));
  if (variance <= 0) return 1;
  const distance = larger - (n * m) / 2 - (continuity ? 0.5 : 0);
  return Math.min(1, 2 * normal(distance / Math.sqrt(variance)).sf);
}
