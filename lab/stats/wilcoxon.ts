import { normal } from './normal.ts';
import { rank, tieSum } from './ranks.ts';

export interface Wilcoxon {
  /** Sums of the ranks of positive and of negative differences. */
  readonly wPlus: number;
  readonly wMinus: number;
  /** The smaller of the two. */
  readonly w: number;
  /** Two-sided. */
  readonly p: number;
}

export interface WilcoxonOptions {
  /**
   * 'exact': all 2^n signs counted, also with ties; its time grows with n³, which is nothing for n up to 100. 'normal': the
   * normal approximation with the variance that ties leave.
   */
  readonly method: 'exact' | 'normal';
  /** Of the normal approximation: the distance to the mean shrinks by 0.5. Default false. */
  readonly correction?: boolean;
}

/** Signed-rank test of x - y, value by value (Wilcoxon 1945). Differences of zero are dropped; p is 1 when none is left. */
export function wilcoxon(x: readonly number[], y: readonly number[], options: WilcoxonOptions): Wilcoxon {
  if (x.length !== y.length)
    throw new Error(`Pairs need as many values on both sides, not ${x.length} and ${y.length}.`);
  const differences = x.map((value, i) => value - y[i]!).filter((difference) => difference !== 0);
  const { ranks, ties } = rank(differences.map(Math.abs));
  const sumWhere = (chosen: (difference: number) => boolean): number =>
    ranks.reduce((sum, each, i) => (chosen(differences[i]!) ? sum + each : sum), 0);
  const wPlus = sumWhere((difference) => difference > 0);
  const wMinus = sumWhere((difference) => difference < 0);
  const w = Math.min(wPlus, wMinus);
  if (ranks.length === 0) return { wPlus, wMinus, w, p: 1 };
  const p = options.method === 'exact' ? exactP(ranks, w) : normalP(ranks.length, ties, w, options.correction ?? false);
  return { wPlus, wMinus, w, p };
}

/** Twice the share of the sign patterns whose rank sum is at most w. Ranks are doubled, so that mean ranks are whole. */
function exactP(ranks: readonly number[], w: number): number {
  const doubled = ranks.map((each) => Math.round(2 * each));
  const share = new Float64Array(doubled.reduce((sum, each) => sum + each, 0) + 1);
  share[0] = 1;
  let top = 0;
  for (const each of doubled) {
    top += each;
    for (let sum = top; sum >= 0; sum--) share[sum] = 0.5 * (share[sum]! + (sum >= each ? share[sum - each]! : 0));
  }
  let below = 0;
  for (let sum = 0; sum <= Math.round(2 * w); sum++) below += share[sum]!;
  return Math.min(1, 2 * below);
}

function normalP(n: number, ties: readonly number[], w: number, correction: boolean): number {
  const variance = (n * (n + 1) * (2 * n + 1)) / 24 - tieSum(ties) / 48;
  const distance = Math.max(0, Math.abs(w - (n * (n + 1)) / 4) - (correction ? 0.5 : 0));
  return Math.min(1, 2 * normal(distance / Math.sqrt(variance)).sf);
}
