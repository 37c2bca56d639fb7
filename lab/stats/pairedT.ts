import { mean, variance } from './moments.ts';
import { studentTQuantile } from './studentT.ts';
import { tTest, type TTest } from './welchT.ts';

export interface PairedT extends TTest {
  /** mean(x - y) */
  readonly difference: number;
  readonly se: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Paired t test and interval of x - y, value by value. An interval of no width where all differences are equal.
 *
 * @param overlap images held out over images trained on, where the pairs are the folds of a cross-validation: 1 / (k - 1) of k folds. The
 * variance of the mean is then variance * (1 / n + overlap): folds share most of their training images, so the plain interval is too
 * narrow (Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52, 2003; for repeated folds Bouckaert and
 * Frank, PAKDD 2004). 0: pairs are independent
 */
export function pairedT(x: readonly number[], y: readonly number[], confidence = 0.95, overlap = 0): PairedT {
  if (x.length !== y.length)
    throw new Error(`Pairs need as many values on both sides, not ${x.length} and ${y.length}.`);
  const differences = x.map((value, i) => value - y[i]!);
  const difference = mean(differences);
  const df = x.length - 1;
  const se = Math.sqrt(variance(differences) * (1 / x.length + overlap));
  const reach = se === 0 ? 0 : studentTQuantile(0.5 + confidence / 2, df) * se;
  return { ...tTest(difference / se, df), difference, se, low: difference - reach, high: difference + reach };
}
