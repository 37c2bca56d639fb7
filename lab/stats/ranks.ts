export interface Ranking {
  /** From 1, smallest first; equal values get the mean of the ranks they take together. */
  readonly ranks: readonly number[];
  /** The sizes of the groups of equal values, groups of one left out. */
  readonly ties: readonly number[];
}

/** Ranks of values that are numbers (no NaN). */
export function rank(values: readonly number[]): Ranking {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Array<number>(values.length).fill(0);
  const ties: number[] = [];
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) ranks[order[i]!] = (from + 1 + to) / 2;
    if (to - from > 1) ties.push(to - from);
    from = to;
  }
  return { ranks, ties };
}

/** The sum of t³ - t over the groups of equal values, by which ties narrow a rank sum's distribution. */
export const tieSum = (ties: readonly number[]): number => ties.reduce((sum, t) => sum + t ** 3 - t, 0);
