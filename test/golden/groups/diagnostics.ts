import { covariance } from '../../../engine/diagnostics/covariance.ts';
import { covariateShift } from '../../../engine/diagnostics/covariateShift.ts';
import type { Samples } from '../../../engine/diagnostics/columns.ts';
import { deadUnits } from '../../../engine/diagnostics/deadUnits.ts';
import { gradientNorm } from '../../../engine/diagnostics/gradientNorm.ts';
import { histogram } from '../../../engine/diagnostics/histogram.ts';
import { saturation } from '../../../engine/diagnostics/saturation.ts';
import { standardize } from '../../../engine/diagnostics/standardize.ts';
import { summarise } from '../../../engine/diagnostics/summary.ts';
import { updateRatio } from '../../../engine/diagnostics/updateRatio.ts';
import { varianceShift } from '../../../engine/diagnostics/varianceShift.ts';
import { applyWhitening, fitWhitening } from '../../../engine/diagnostics/whitening.ts';
import { checkGraph } from '../../../engine/graph/check.ts';
import type { GoldenCase } from '../cases.ts';
import { GoldenDataError, Unsupported } from '../errors.ts';
import { choiceOf, inputOf, numberOf, numbersOf, pairOf } from './adapter.ts';
import type { Device, GroupAdapter } from './adapter.ts';
import { doubles } from './doubles.ts';
import { engineName, graphDocumentOf } from './graph.ts';

type Values = Readonly<Record<string, number | ArrayLike<number>>>;

function samplesOf(golden: GoldenCase): Samples {
  const { data, shape } = inputOf(golden, 'x');
  return { values: data, features: shape[1]! };
}

async function shiftOf(golden: GoldenCase, { backend, options }: Device): Promise<Values> {
  const x = inputOf(golden, 'x');
  const checked = checkGraph(graphDocumentOf(golden), { inputShape: x.shape.slice(1) });
  const given = [...golden.inputs].filter(([name]) => name.startsWith('param.'));
  const parameters = new Map(
    given.map(([name, { data }]) => [engineName(golden, name.slice('param.'.length)), data as Float32Array]),
  );
  const { layers } = golden.attrs;
  if (!Array.isArray(layers)) throw new GoldenDataError(`${golden.id}: attribute "layers" is not a list.`);
  const shift = await covariateShift({
    backend,
    compile: options,
    checked,
    x: x.data as Float32Array,
    labels: inputOf(golden, 'labels').data,
    parameters,
    learningRate: numberOf(golden, 'lr'),
    layers: layers as string[],
  });
  return { gradient_norm: shift.gradientNorm, l2_difference: shift.l2Difference, cosine: shift.cosine };
}

/** One entry per op. All but `covariate_shift`, which runs on the backend, are computed in doubles. */
const ops: Readonly<Record<string, (golden: GoldenCase, device: Device) => Values | Promise<Values>>> = {
  summary: (golden) => {
    const result = summarise(inputOf(golden, 'x').data, numbersOf(golden, 'percentiles'));
    const { mean, std, min, max, percentiles, skewness, kurtosis } = result;
    return {
      mean,
      std,
      std_unbiased: result.stdUnbiased,
      min,
      max,
      percentiles,
      zero_fraction: result.zeroFraction,
      skewness,
      kurtosis,
      l2_norm: result.l2Norm,
    };
  },
  histogram: (golden) => {
    const { counts, below, above } = histogram(
      inputOf(golden, 'x').data,
      numberOf(golden, 'bins'),
      pairOf(golden, 'range'),
    );
    return { counts, below, above };
  },
  dead_units: (golden) => {
    const { data, shape } = inputOf(golden, 'x');
    const { dead, deadFraction, zeroFractionPerUnit } = deadUnits(data, shape);
    return { dead, dead_fraction: deadFraction, zero_fraction_per_unit: zeroFractionPerUnit };
  },
  saturation: (golden) => {
    const { data, shape } = inputOf(golden, 'y');
    const activation = choiceOf(golden, 'activation', ['sigmoid', 'tanh']);
    const { fraction, fractionPerUnit } = saturation(data, shape, { activation, margin: numberOf(golden, 'margin') });
    return { fraction, fraction_per_unit: fractionPerUnit };
  },
  gradient_norm: (golden) => {
    const { perTensor, total } = gradientNorm([...golden.inputs.values()].map(({ data }) => data));
    return { per_tensor: perTensor, total };
  },
  update_ratio: (golden) => {
    const { l2Ratio, stdRatio } = updateRatio(inputOf(golden, 'weight').data, inputOf(golden, 'update').data);
    return { l2_ratio: l2Ratio, std_ratio: stdRatio };
  },
  covariate_shift: shiftOf,
  variance_shift: (golden) => {
    const result = varianceShift(samplesOf(golden), inputOf(golden, 'mask').data, numberOf(golden, 'p'));
    const { ratio, shift } = result;
    return {
      var_train: result.varTrain,
      var_test: result.varTest,
      ratio,
      shift,
      mean_shift: result.meanShift,
      expected_ratio: result.expectedRatio,
    };
  },
  covariance: (golden) => {
    const result = covariance(samplesOf(golden));
    const { mean, eigenvalues } = result;
    return {
      mean,
      covariance: result.covariance,
      eigenvalues,
      condition_number: result.conditionNumber,
      effective_rank: result.effectiveRank,
      participation_ratio: result.participationRatio,
    };
  },
  whitening: (golden) => {
    const samples = samplesOf(golden);
    const kind = choiceOf(golden, 'kind', ['zca', 'pca']);
    const whitening = fitWhitening(samples, { kind, eps: numberOf(golden, 'eps') });
    return { ...whitening, y: applyWhitening(whitening, samples) };
  },
  standardize: (golden) => ({ ...standardize(samplesOf(golden)) }),
};

export const diagnostics: GroupAdapter = async (golden, device) => {
  const op = Object.hasOwn(ops, golden.op) ? ops[golden.op] : undefined;
  if (op === undefined) throw new Unsupported(golden.op);
  return doubles(golden, await op(golden, device));
};
