/** What a model says about samples: logits or scores [N, C] by rows, and the class of each sample. */
export interface Scored {
  readonly scores: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
  readonly classes: number;
}

/** Throws RangeError when the parts do not fit together, or a label is no class. */
export function requireScores({ scores, labels, classes }: Scored): void {
  if (!Number.isInteger(classes) || classes < 1)
    throw new RangeError(`Classes are a whole number from 1, not ${classes}.`);
  if (scores.length !== labels.length * classes) {
    throw new RangeError(
      `${labels.length} labels of ${classes} classes need ${labels.length * classes} scores, not ${scores.length}.`,
    );
  }
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new RangeError(`Label ${i} is ${label}; the classes are 0 to ${classes - 1}.`);
    }
  }
}

/** The class with the largest score of sample i, the first of several. */
export function argmax({ scores, classes }: Scored, i: number): number {
  const from = i * classes;
  let best = 0;
  for (let c = 1; c < classes; c++) if (scores[from + c]! > scores[from + best]!) best = c;
  return best;
}

/** ln softmax of sample i's logits into `into` [C]. Exact for logits of any size. */
export function logSoftmax({ scores, classes }: Scored, i: number, into: Float64Array): void {
  const from = i * classes;
  const largest = scores[from + argmax({ scores, labels: [], classes }, i)]!;
  let sum = 0;
  for (let c = 0; c < classes; c++) sum += Math.exp(scores[from + c]! - largest);
  const logSum = Math.log(sum);
  for (let c = 0; c < classes; c++) into[c] = scores[from + c]! - largest - logSum;
}
