import type { TensorId } from '../../ops/op.ts';
import { sizeOf } from '../../tensor.ts';
import type { GpuContext, GpuKernel, GpuTensor } from '../kernel.ts';
import { f32, sumAll } from '../wgsl.ts';
import { channelsOf, sliceLoop } from './channels.ts';
import { each } from './each.ts';
import { alone, dispatchAlone, type Elementwise, type ElementwiseOf } from './elementwise.ts';

/** The channel of element i. */
const channelIndex = ({ shape }: GpuTensor): string => `i / ${sizeOf(shape.slice(2))}u % ${shape[1]!}u`;

/**
 * Mean and sum of squared distances of each slice by two passes over it; then one invocation per channel joins the slices in
 * order (Chan, Golub and LeVeque, 1983), so that no digits are lost and the result depends on nothing but the shape. A channel of
 * one slice has nothing to join.
 */
export const batchNorm: GpuKernel<'batchNorm'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const runningMean = context.tensor(inputs.runningMean);
  const runningVar = context.tensor(inputs.runningVar);
  const batchMean = context.tensor(outputs.batchMean);
  const batchVar = context.tensor(outputs.batchVar);
  const tracked = context.optional(inputs.batchesTracked);
  const channels = channelsOf(context, x);
  const { count, slices, length } = channels;
  const threads = context.tuning.rowThreads;
  const isWhole = slices === 1;
  const parts = isWhole ? undefined : context.workspace(2 * channels.channels * slices);
  const momentum = attrs.momentum === null ? '1.0 / (f32(tracked(0u)) + 1.0)' : f32(attrs.momentum);
  const rest = attrs.momentum === null ? '(1.0 - momentum)' : f32(1 - attrs.momentum);
  /** Statements for channel `c` that know its `mean` and `squares`. */
  const keep = (c: string): string => `
  let momentum = ${momentum};
  batchMean[${c}] = mean;
  batchVar[${c}] = squares / ${f32(count)};
  runningMean[${c}] = ${rest} * runningMean[${c}] + momentum * mean;
  runningVar[${c}] = ${rest} * runningVar[${c}] + momentum * (squares / ${f32(Math.max(count - 1, 1))});`;
  const kept = { write: { batchMean, batchVar }, update: { runningMean, runningVar } };
  context.dispatch({
    label: 'batchNorm statistics',
    read: { x, ...(isWhole && { tracked }) },
    ...(isWhole ? kept : { write: { parts } }),
    functions: channels.functions + sumAll(context.tuning),
    body: `
  let c = group / ${slices}u;
  let values = f32(min(${length}u, ${count}u - group % ${slices}u * ${length}u));
  var sum = 0.0;${sliceLoop(channels, threads, 'sum += x(at);')}
  let mean = sum_all(lid, sum) / values;
  var square = 0.0;${sliceLoop(channels, threads, 'square += (x(at) - mean) * (x(at) - mean);')}
  let squares = sum_all(lid, square);
  if (lid != 0u) { return; }
  ${isWhole ? keep('c') : 'parts[2u * group] = mean;\n  parts[2u * group + 1u] = squares;'}`,
    threads,
    groups: channels.channels * slices,
  });
  if (!isWhole) {
    each(context, channels.channels, {
      label: 'batchNorm running statistics',
      read: { parts, tracked },
      ...kept,
      body: `
  var mean = parts(2u * i * ${slices}u);
  var squares = parts(2u * i * ${slices}u + 1u);
  var values = ${f32(Math.min(length, count))};
  for (var s = 1u; s < ${slices}u; s++) {
    let more = f32(min(${length}u, ${count}u - s * ${length}u));
    let distance = parts(2u * (i * ${slices}u + s)) - mean;
    let all = values + more;
    mean += distance * (more / all);
    squares += parts(2u * (i * ${slices}u + s) + 1u) + distance * distance * (values * more / all);
    values = all;
  }${keep('i')}`,
    });
  }
  if (tracked) {
    each(context, 1, { label: 'batchNorm count', update: { tracked }, body: '  tracked[i] += 1;' });
  }
  const [gamma, beta] = [context.optional(inputs.gamma), context.optional(inputs.beta)];
  dispatchAlone(
    context,
    normalized(x, outputs.y, { mean: batchMean, variance: batchVar, gamma, beta, eps: attrs.eps }),
  );
};

interface Normalization {
  readonly mean: GpuTensor;
  readonly variance: GpuTensor;
  readonly gamma: GpuTensor | undefined;
  readonly beta: GpuTensor | undefined;
  readonly eps: number;
}

/** y of x with these statistics, element by element. */
function normalized(x: GpuTensor, y: TensorId, { eps, ...beside }: Normalization): Elementwise {
  return {
    label: 'batchNorm',
    at: { x: x.id },
    beside: { ...beside },
    result: y,
    value: ({ mean, variance, gamma, beta }) => {
      const c = channelIndex(x);
      const factor = `${gamma === undefined ? '1.0' : `${gamma}(${c})`} / sqrt(${variance!}(${c}) + ${f32(eps)})`;
      return `(x - ${mean!}(${c})) * (${factor})${beta === undefined ? '' : ` + ${beta}(${c})`}`;
    },
  };
}

export const batchNormInferenceValue: ElementwiseOf<'batchNormInference'> = ({ attrs, inputs, outputs }, context) =>
  normalized(context.tensor(inputs.x), outputs.y, {
    mean: context.tensor(inputs.runningMean),
    variance: context.tensor(inputs.runningVar),
    gamma: context.optional(inputs.gamma),
    beta: context.optional(inputs.beta),
    eps: attrs.eps,
  });
export const batchNormInference = alone(batchNormInferenceValue);

interface Backward {
  readonly x: GpuTensor;
  readonly dy: GpuTensor;
  readonly mean: GpuTensor;
  readonly variance: GpuTensor;
  readonly dgamma: GpuTensor | undefined;
  readonly dbeta: GpuTensor | undefined;
  readonly eps: number;
}

/** Sums of dy and of dy * xhat per channel, [C, 2], in two stages; they are the gradients of beta and gamma. */
function gradientSums(context: GpuContext, of: Backward): ReturnType<GpuContext['workspace']> {
  const { x, dy, mean, variance, dgamma, dbeta, eps } = of;
  const channels = channelsOf(context, x);
  const { slices } = channels;
  const threads = context.tuning.rowThreads;
  const sums = context.workspace(2 * channels.channels);
  const isWhole = slices === 1;
  const parts = isWhole ? undefined : context.workspace(2 * channels.channels * slices);
  const kept = { sums, dgamma, dbeta };
  /** Statements for channel `c` that know its `total` and `products`. */
  const keep = (c: string): string => `
  sums[2u * ${c}] = total;
  sums[2u * ${c} + 1u] = products;
  ${dgamma ? `dgamma[${c}] = products;` : ''}
  ${dbeta ? `dbeta[${c}] = total;` : ''}`;
  context.dispatch({
    label: 'batchNormGrad sums',
    read: { x, dy, mean, variance },
    write: isWhole ? kept : { parts },
    functions: channels.functions + sumAll(context.tuning),
    body: `
  let c = group / ${slices}u;
  let m = mean(c);
  let inverse = 1.0 / sqrt(variance(c) + ${f32(eps)});
  var sum = 0.0;
  var product = 0.0;${sliceLoop(channels, threads, 'sum += dy(at); product += dy(at) * ((x(at) - m) * inverse);')}
  let total = sum_all(lid, sum);
  let products = sum_all(lid, product);
  if (lid != 0u) { return; }
  ${isWhole ? keep('c') : 'parts[2u * group] = total;\n  parts[2u * group + 1u] = products;'}`,
    threads,
    groups: channels.channels * slices,
  });
  if (isWhole) return sums;
  each(context, channels.channels, {
    label: 'batchNormGrad parameters',
    read: { parts },
    write: kept,
    body: `
  var total = 0.0;
  var products = 0.0;
  for (var s = i * ${slices}u; s < (i + 1u) * ${slices}u; s++) {
    total += parts(2u * s);
    products += parts(2u * s + 1u);
  }${keep('i')}`,
  });
  return sums;
}

export const batchNormGrad: GpuKernel<'batchNormGrad'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const dy = context.tensor(inputs.dy);
  const mean = context.tensor(inputs.batchMean);
  const variance = context.tensor(inputs.batchVar);
  const gamma = context.optional(inputs.gamma);
  const [dgamma, dbeta] = [context.optional(outputs.dgamma), context.optional(outputs.dbeta)];
  const sums = gradientSums(context, { x, dy, mean, variance, dgamma, dbeta, eps: attrs.eps });
  const count = x.size / x.shape[1]!;
  each(context, x.size, {
    label: 'batchNormGrad',
    read: { x, dy, mean, variance, gamma, sums },
    emit: { dx: context.tensor(outputs.dx) },
    body: `
  let c = ${channelIndex(x)};
  let inverse = 1.0 / sqrt(variance(c) + ${f32(attrs.eps)});
  let xhat = (x(i) - mean(c)) * inverse;
  emit_dx(i, ${gamma ? 'gamma(c) * ' : ''}inverse * (dy(i) - sums(2u * c) / ${f32(count)} - xhat * (sums(2u * c + 1u) / ${f32(count)})));`,
  });
};

/** Only dx: the sums for the parameters are not element by element. */
export const batchNormInferenceGradValue: ElementwiseOf<'batchNormInferenceGrad'> = (instance, context) => {
  const { attrs, inputs, outputs } = instance;
  const channel = channelIndex(context.tensor(inputs.x));
  return {
    label: 'batchNormInferenceGrad',
    at: { dy: inputs.dy },
    beside: { variance: context.tensor(inputs.runningVar), gamma: context.optional(inputs.gamma) },
    result: outputs.dx,
    value: ({ variance, gamma }) =>
      `${gamma === undefined ? '1.0' : `${gamma}(${channel})`} / sqrt(${variance!}(${channel}) + ${f32(attrs.eps)}) * dy`,
  };
};

export const batchNormInferenceGrad: GpuKernel<'batchNormInferenceGrad'> = (instance, context) => {
  const { attrs, inputs, outputs } = instance;
  const [dgamma, dbeta] = [context.optional(outputs.dgamma), context.optional(outputs.dbeta)];
  if (dgamma || dbeta) {
    gradientSums(context, {
      x: context.tensor(inputs.x),
      dy: context.tensor(inputs.dy),
      mean: context.tensor(inputs.runningMean),
      variance: context.tensor(inputs.runningVar),
      ...{ dgamma, dbeta, eps: attrs.eps },
    });
  }
  dispatchAlone(context, batchNormInferenceGradValue(instance, context));
};
