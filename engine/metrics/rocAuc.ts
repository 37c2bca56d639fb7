import { requireScores, type Scored } from './scores.ts';

export interface RocAuc {
  /** Per class against the rest; NaN for a class without labels, or with nothing but its labels. */
  readonly auc: Float64Array;
  /** Mean over the classes that have one. */
  readonly macro: number;
}

/**
 * Area under the ROC curve, one class against the rest: the chance that a sample of the class has a higher score for it than one of
 * the others, ties counted half (Hanley and McNeil 1982). Throws RangeError.
 */
export function rocAucOneVsRest(data: Scored): RocAuc {
  requireScores(data);
  const { scores, labels, classes } = data;
  const n = labels.length;
  const order = new Uint32Array(n).map((_, i) => i);
  const auc = new Float64Array(classes);
  for (let c = 0; c < classes; c++) {
    const score = (i: number): number => scores[i * classes + c]!;
    order.sort((a, b) => score(a) - score(b));
    let positives = 0;
    let below = 0;
    let pairs = 0;
    for (let from = 0; from < n;) {
      let own = 0;
      let others = 0;
      let to = from;
      for (; to < n && score(order[to]!) === score(order[from]!); to++) {
        if (labels[order[to]!] === c) own++;
        else others++;
      }
      // NaN is equal to nothing, itself included: it cannot be ranked
      if (to === from) return { auc: auc.fill(Number.NaN), macro: Number.NaN };
      pairs += own * (below + others / 2);
      positives += own;
      below += others;
      from = to;
    }
    auc[c] = pairs / (positives * below);
  }
  const defined = auc.filter((each) => !Number.isNaN(each));
  return { auc, macro: defined.reduce((sum, each) => sum + each, 0) / defined.length };
}
