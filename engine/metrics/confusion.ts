export interface ClassReport {
  /** Samples per label. */
  readonly support: Int32Array;
  /** Per class; 0 where undefined: a class that is never predicted, or never a label. */
  readonly precision: Float64Array;
  readonly recall: Float64Array;
  readonly f1: Float64Array;
  /** Mean over all classes. */
  readonly macroPrecision: number;
  readonly macroRecall: number;
  readonly macroF1: number;
  /** Of all decisions counted together. */
  readonly microPrecision: number;
  readonly microRecall: number;
  readonly microF1: number;
  /** Mean over classes, weighted by support. */
  readonly weightedF1: number;
}

/** Counts [label, prediction], [C, C] by rows. */
export function confusionMatrix(
  labels: ArrayLike<number>,
  predictions: ArrayLike<number>,
  classes: number,
): Int32Array {
  const counts = new Int32Array(classes * classes);
  for (let i = 0; i < labels.length; i++) counts[labels[i]! * classes + predictions[i]!]!++;
  return counts;
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
const harmonic = (a: number, b: number): number => share(2 * a * b, a + b);

/** Precision, recall and F1 from a confusion matrix [C, C]. */
export function classReport(confusion: ArrayLike<number>, classes: number): ClassReport {
  const support = new Int32Array(classes);
  const predicted = new Int32Array(classes);
  const hits = new Int32Array(classes);
  for (let label = 0; label < classes; label++) {
    for (let prediction = 0; prediction < classes; prediction++) {
      const count = confusion[label * classes + prediction]!;
      support[label]! += count;
      predicted[prediction]! += count;
      if (label === prediction) hits[label] = count;
    }
  }
  const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((total, value) => total + value, 0);
  const precision = Float64Array.from(hits, (count, c) => share(count, predicted[c]!));
  const recall = Float64Array.from(hits, (count, c) => share(count, support[c]!));
  const f1 = precision.map((each, c) => harmonic(each, recall[c]!));
  const microPrecision = share(sum(hits), sum(predicted));
  const microRecall = share(sum(hits), sum(support));
  return {
    support,
    precision,
    recall,
    f1,
    macroPrecision: sum(precision) / classes,
    macroRecall: sum(recall) / classes,
    macroF1: sum(f1) / classes,
    microPrecision,
    microRecall,
    microF1: harmonic(microPrecision, microRecall),
    weightedF1: share(sum(f1.map((each, c) => each * support[c]!)), sum(support)),
  };
}
