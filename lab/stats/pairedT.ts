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

/** Paired t test and interval of x - y, value by value. An interval of no width where all differences are equal. */
export function pairedT(x: readonly number[], y: readonly number[], confidence = 0.95): PairedT {
  if (x.length !== y.length)
    throw new Error(`Pairs need as many values on both sides, not ${x.length} and ${y.length}.`);
  const differences = x.map((value, i) => value - y[i]!);
  const difference = mean(differences);
  const df = x.length - 1;
  const se = Math.sqrt(variance(differences) / x.length);
  const reach = se === 0 ? 0 : studentTQuantile(0.5 + confidence / 2, df) * se;
  return { ...tTest(difference / se, df), difference, se, low: difference - reach, high: difference + reach };
}
