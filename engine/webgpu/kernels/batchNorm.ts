import { sizeOf } from '../../tensor.ts';
import type { GpuContext, GpuKernel, GpuTensor } from '../kernel.ts';
import { f32, sumAll } from '../wgsl.ts';
import { channelsOf, sliceLoop } from './channels.ts';
import { each } from './each.ts';

/** Declares `channel(i)` of element i. */
const channelOf = ({ shape }: GpuTensor): string =>
  `fn channel(i: u32) -> u32 { return i / ${sizeOf(shape.slice(2))}u % ${shape[1]!}u; }`;

/**
 * Mean and sum of squared distances of each slice by two passes over it; then one invocation per channel joins the slices in
 * order (Chan, Golub and LeVeque, 1983), so that no digits are lost and the result depends on nothing but the shape.
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
  const parts = context.workspace(2 * channels.channels * slices);
  context.dispatch({
    label: 'batchNorm statistics',
    read: { x },
    write: { parts },
    functions: channels.functions + sumAll(threads),
    body: `
  let c = group / ${slices}u;
  let values = f32(min(${length}u, ${count}u - group % ${slices}u * ${length}u));
  var sum = 0.0;${sliceLoop(channels, threads, 'sum += x(at);')}
  let mean = sum_all(lid, sum) / values;
  var squares = 0.0;${sliceLoop(channels, threads, 'squares += (x(at) - mean) * (x(at) - mean);')}
  let total = sum_all(lid, squares);
  if (lid == 0u) {
    parts[2u * group] = mean;
    parts[2u * group + 1u] = total;
  }`,
    threads,
    groups: channels.channels * slices,
  });
  const momentum = attrs.momentum === null ? '1.0 / (f32(tracked(0u)) + 1.0)' : f32(attrs.momentum);
  const rest = attrs.momentum === null ? '(1.0 - momentum)' : f32(1 - attrs.momentum);
  each(context, channels.channels, {
    label: 'batchNorm running statistics',
    read: { parts, tracked },
    write: { batchMean, batchVar },
    update: { runningMean, runningVar },
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
  }
  let momentum = ${momentum};
  batchMean[i] = mean;
  batchVar[i] = squares / ${f32(count)};
  runningMean[i] = ${rest} * runningMean[i] + momentum * mean;
  runningVar[i] = ${rest} * runningVar[i] + momentum * (squares / ${f32(Math.max(count - 1, 1))});`,
  });
  if (tracked) {
    each(context, 1, { label: 'batchNorm count', update: { tracked }, body: '  tracked[i] += 1;' });
  }
  normalize(context, x, context.tensor(outputs.y), {
    mean: batchMean,
    variance: batchVar,
    gamma: context.optional(inputs.gamma),
    beta: context.optional(inputs.beta),
    eps: attrs.eps,
  });
};

interface Normalization {
  readonly mean: GpuTensor;
  readonly variance: GpuTensor;
  readonly gamma: GpuTensor | undefined;
  readonly beta: GpuTensor | undefined;
  readonly eps: number;
}

function normalize(context: GpuContext, x: GpuTensor, y: GpuTensor, of: Normalization): void {
  const { mean, variance, gamma, beta, eps } = of;
  each(context, x.size, {
    label: 'batchNorm',
    read: { x, mean, variance, gamma, beta },
    write: { y },
    functions: channelOf(x),
    body: `
  let c = channel(i);
  let factor = ${gamma ? 'gamma(c)' : '1.0'} / sqrt(variance(c) + ${f32(eps)});
  y[i] = (x(i) - mean(c)) * factor${beta ? ' + beta(c)' : ''};`,
  });
}

export const batchNormInference: GpuKernel<'batchNormInference'> = ({ attrs, inputs, outputs }, context) => {
  normalize(context, context.tensor(inputs.x), context.tensor(outputs.y), {
    mean: context.tensor(inputs.runningMean),
    variance: context.tensor(inputs.runningVar),
    gamma: context.optional(inputs.gamma),
    beta: context.optional(inputs.beta),
    eps: attrs.eps,
  });
};

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
  const parts = context.workspace(2 * channels.channels * slices);
  const sums = context.workspace(2 * channels.channels);
  context.dispatch({
    label: 'batchNormGrad sums',
    read: { x, dy, mean, variance },
    write: { parts },
    functions: channels.functions + sumAll(threads),
    body: `
  let c = group / ${slices}u;
  let m = mean(c);
  let inverse = 1.0 / sqrt(variance(c) + ${f32(eps)});
  var sum = 0.0;
  var product = 0.0;${sliceLoop(channels, threads, 'sum += dy(at); product += dy(at) * ((x(at) - m) * inverse);')}
  let total = sum_all(lid, sum);
  let products = sum_all(lid, product);
  if (lid == 0u) {
    parts[2u * group] = total;
    parts[2u * group + 1u] = products;
  }`,
    threads,
    groups: channels.channels * slices,
  });
  each(context, channels.channels, {
    label: 'batchNormGrad parameters',
    read: { parts },
    write: { sums, dgamma, dbeta },
    body: `
  var sum = 0.0;
  var product = 0.0;
  for (var s = i * ${slices}u; s < (i + 1u) * ${slices}u; s++) {
    sum += parts(2u * s);
    product += parts(2u * s + 1u);
  }
  sums[2u * i] = sum;
  sums[2u * i + 1u] = product;
  ${dgamma ? 'dgamma[i] = product;' : ''}
  ${dbeta ? 'dbeta[i] = sum;' : ''}`,
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
    write: { dx: context.tensor(outputs.dx) },
    functions: channelOf(x),
    body: `
  let c = channel(i);
  let inverse = 1.0 / sqrt(variance(c) + ${f32(attrs.eps)});
  let xhat = (x(i) - mean(c)) * inverse;
  dx[i] = ${gamma ? 'gamma(c) * ' : ''}inverse * (dy(i) - sums(2u * c) / ${f32(count)} - xhat * (sums(2u * c + 1u) / ${f32(count)}));`,
  });
};

export const batchNormInferenceGrad: GpuKernel<'batchNormInferenceGrad'> = (instance, context) => {
  const { attrs, inputs, outputs } = instance;
  const x = context.tensor(inputs.x);
  const dy = context.tensor(inputs.dy);
  const mean = context.tensor(inputs.runningMean);
  const variance = context.tensor(inputs.runningVar);
  const gamma = context.optional(inputs.gamma);
  const [dgamma, dbeta] = [context.optional(outputs.dgamma), context.optional(outputs.dbeta)];
  if (dgamma || dbeta) gradientSums(context, { x, dy, mean, variance, dgamma, dbeta, eps: attrs.eps });
  each(context, x.size, {
    label: 'batchNormInferenceGrad',
    read: { dy, variance, gamma },
    write: { dx: context.tensor(outputs.dx) },
    functions: channelOf(x),
    body: `
  let c = channel(i);
  dx[i] = ${gamma ? 'gamma(c)' : '1.0'} / sqrt(variance(c) + ${f32(attrs.eps)}) * dy(i);`,
  });
};
