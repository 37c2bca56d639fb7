import { columnMeans, columnVariances, type Samples } from './columns.ts';

export interface VarianceShift {
  /** Per feature: variance with dropout (of x mask / (1 - p)), and without; both divide by N. */
  readonly varTrain: Float64Array;
  readonly varTest: Float64Array;
  /** test / train, and the larger of it and its inverse. */
  readonly ratio: Float64Array;
  readonly shift: Float64Array;
  readonly meanShift: number;
  /** The ratio that mean m and variance v of x lead to: v / ((m² + v) / (1 - p) - m²). */
  readonly expectedRatio: Float64Array;
}

/**
 * How much dropout in front of a batch norm changes the variance between training and evaluation (Li et al. 2019, "Understanding
 * the disharmony between dropout and batch normalization"): x [N, F] as it comes into the dropout, the mask that was drawn
 * (1 keeps), and the drop rate p.
 */
export function varianceShift(samples: Samples, mask: ArrayLike<number>, p: number): VarianceShift {
  const { values, features } = samples;
  if (mask.length !== values.length) {
    throw new RangeError(`A mask of ${mask.length} values does not fit ${values.length} values.`);
  }
  if (!(p >= 0 && p < 1)) throw new RangeError(`A drop rate lies in [0, 1), ${p} does not.`);
  const dropped = Float64Array.from(values, (value, i) => (value * mask[i]!) / (1 - p));
  const mean = columnMeans(samples);
  const varTest = columnVariances(samples, mean);
  const varTrain = columnVariances({ values: dropped, features });
  const ratio = varTest.map((test, j) => test / varTrain[j]!);
  const shift = ratio.map((each) => Math.max(each, 1 / each));
  return {
    varTrain,
    varTest,
    ratio,
    shift,
    meanShift: shift.reduce((sum, each) => sum + each, 0) / features,
    expectedRatio: varTest.map((v, j) => v / ((mean[j]! ** 2 + v) / (1 - p) - mean[j]! ** 2)),
  };
}
