import { benjaminiHochberg, holm } from '../../../lab/stats/adjustP.ts';
import { anova2, type AnovaEffect } from '../../../lab/stats/anova2.ts';
import { bootstrap } from '../../../lab/stats/bootstrap.ts';
import { chiSquared } from '../../../lab/stats/chiSquared.ts';
import { fDistribution } from '../../../lab/stats/fDistribution.ts';
import { friedman } from '../../../lab/stats/friedman.ts';
import { hedgesG } from '../../../lab/stats/hedgesG.ts';
import { linearRegression } from '../../../lab/stats/linearRegression.ts';
import { mannWhitney } from '../../../lab/stats/mannWhitney.ts';
import { meanDifference } from '../../../lab/stats/meanDifference.ts';
import { normal, normalQuantile } from '../../../lab/stats/normal.ts';
import { pairedT } from '../../../lab/stats/pairedT.ts';
import { studentT, studentTQuantile } from '../../../lab/stats/studentT.ts';
import type { Tails } from '../../../lab/stats/tails.ts';
import { tostPaired, tostWelch, type Equivalence } from '../../../lab/stats/tost.ts';
import { welchT, type TTest } from '../../../lab/stats/welchT.ts';
import { wilcoxon } from '../../../lab/stats/wilcoxon.ts';
import type { GoldenCase } from '../cases.ts';
import { Unsupported } from '../errors.ts';
import { booleanOf, choiceOf, inputOf, numberOf } from './adapter.ts';
import type { GroupAdapter } from './adapter.ts';
import { doubles, numbersIn, rowsOf } from './doubles.ts';

type Values = Readonly<Record<string, number | boolean | ArrayLike<number>>>;

const tTest = ({ t, df, p, pGreater, pLess }: TTest): Values => ({ t, df, p, p_greater: pGreater, p_less: pLess });

const equivalence = ({ tLow, tHigh, df, pLow, pHigh, p, ciLow, ciHigh, equivalent }: Equivalence): Values => ({
  t_low: tLow,
  t_high: tHigh,
  df,
  p_low: pLow,
  p_high: pHigh,
  p,
  ci_low: ciLow,
  ci_high: ciHigh,
  equivalent,
});

const bounds = (golden: GoldenCase) => ({
  low: numberOf(golden, 'low'),
  high: numberOf(golden, 'high'),
  alpha: numberOf(golden, 'alpha'),
});

const effect = (name: string, { ss, df, f, p, partialEta2 }: AnovaEffect): Values => ({
  [`ss_${name}`]: ss,
  [`df_${name}`]: df,
  [`f_${name}`]: f,
  [`p_${name}`]: p,
  [`partial_eta2_${name}`]: partialEta2,
});

/** A distribution function at every point; the parameters stand in arrays beside it. */
function tailsAt(golden: GoldenCase, names: readonly string[], at: (...args: number[]) => Tails): Values {
  const columns = names.map((name) => numbersIn(golden, name));
  const tails = columns[0]!.map((_, i) => at(...columns.map((column) => column[i]!)));
  return { cdf: tails.map(({ cdf }) => cdf), sf: tails.map(({ sf }) => sf) };
}

const methodOf = (golden: GoldenCase) => choiceOf(golden, 'method', ['exact', 'normal']);
const confidenceOf = (golden: GoldenCase): number => numberOf(golden, 'confidence');

/** One entry per op. `x` and `y` are the samples, empty where a case has none. */
const ops: Readonly<Record<string, (golden: GoldenCase, x: number[], y: number[]) => Values>> = {
  welch_t: (_, x, y) => tTest(welchT(x, y)),
  paired_t: (golden, x, y) => {
    const result = pairedT(x, y, confidenceOf(golden));
    const { difference, se, low, high } = result;
    return { ...tTest(result), difference, se, low, high };
  },
  mean_difference: (golden, x, y) => ({ ...meanDifference(x, y, confidenceOf(golden)) }),
  hedges_g: (golden, x, y) => ({ ...hedgesG(x, y, confidenceOf(golden)) }),
  tost_welch: (golden, x, y) => equivalence(tostWelch(x, y, bounds(golden))),
  tost_paired: (golden, x, y) => equivalence(tostPaired(x, y, bounds(golden))),
  wilcoxon: (golden, x, y) => {
    const correction = booleanOf(golden, 'correction');
    const { w, wPlus, wMinus, p } = wilcoxon(x, y, { method: methodOf(golden), correction });
    return { w, w_plus: wPlus, w_minus: wMinus, p };
  },
  mann_whitney: (golden, x, y) => {
    const continuity = booleanOf(golden, 'continuity');
    const { u, uOther, p } = mannWhitney(x, y, { method: methodOf(golden), continuity });
    return { u, u_other: uOther, p };
  },
  bootstrap: (golden, x) => {
    const statistic = choiceOf(golden, 'statistic', ['mean', 'median', 'std']);
    const result = bootstrap(x, inputOf(golden, 'resamples').data, statistic, confidenceOf(golden));
    return {
      estimate: result.estimate,
      percentile_low: result.percentileLow,
      percentile_high: result.percentileHigh,
      z0: result.z0,
      acceleration: result.acceleration,
      bca_low: result.bcaLow,
      bca_high: result.bcaHigh,
    };
  },
  adjust_p: (golden) => {
    const p = numbersIn(golden, 'p');
    return { holm: holm(p), benjamini_hochberg: benjaminiHochberg(p) };
  },
  anova2: (golden) => {
    const [, levels, n] = inputOf(golden, 'y').shape as [number, number, number];
    const cells = rowsOf(numbersIn(golden, 'y'), n);
    const { a, b, ab, ssError, dfError } = anova2(
      Array.from({ length: cells.length / levels }, (_, i) => cells.slice(i * levels, (i + 1) * levels)),
    );
    return { ss_error: ssError, df_error: dfError, ...effect('a', a), ...effect('b', b), ...effect('ab', ab) };
  },
  friedman: (golden) => {
    const { chi2, df, p, meanRanks } = friedman(rowsOf(numbersIn(golden, 'y'), inputOf(golden, 'y').shape[1]!));
    return { chi2, df, p, mean_ranks: meanRanks };
  },
  linear_regression: (golden, x, y) => {
    const result = linearRegression(x, y, confidenceOf(golden));
    const { slope, intercept, r, r2, p } = result;
    return {
      slope,
      intercept,
      r,
      r2,
      p,
      slope_se: result.slopeSe,
      intercept_se: result.interceptSe,
      slope_low: result.slopeLow,
      slope_high: result.slopeHigh,
      intercept_low: result.interceptLow,
      intercept_high: result.interceptHigh,
      residual_std: result.residualStd,
    };
  },
  student_t_cdf: (golden) => tailsAt(golden, ['t', 'df'], studentT),
  normal_cdf: (golden) => tailsAt(golden, ['z'], normal),
  f_cdf: (golden) => tailsAt(golden, ['f', 'df1', 'df2'], fDistribution),
  chi2_cdf: (golden) => tailsAt(golden, ['x', 'df'], chiSquared),
  student_t_quantile: (golden) => {
    const df = numbersIn(golden, 'df');
    return { t: numbersIn(golden, 'p').map((p, i) => studentTQuantile(p, df[i]!)) };
  },
  normal_quantile: (golden) => ({ z: numbersIn(golden, 'p').map(normalQuantile) }),
};

export const statistics: GroupAdapter = (golden) => {
  const op = Object.hasOwn(ops, golden.op) ? ops[golden.op] : undefined;
  if (op === undefined) return Promise.reject(new Unsupported(golden.op));
  const sample = (name: string): number[] => (golden.inputs.has(name) ? numbersIn(golden, name) : []);
  return Promise.resolve(doubles(golden, op(golden, sample('x'), sample('y'))));
};
