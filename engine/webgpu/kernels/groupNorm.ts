import { sizeOf } from '../../tensor.ts';
import type { GpuContext, GpuKernel, GpuTensor } from '../kernel.ts';
import { f32, sumAll } from '../wgsl.ts';
import { channelSums } from './channels.ts';
import { each } from './each.ts';

/** Values that lie in a row and are normalised together, and where gamma and beta stand for element i of x. */
interface Sections {
  readonly count: number;
  readonly length: number;
  /** Declares `affine(i)`. */
  readonly affine: string;
}

interface Forward {
  readonly x: GpuTensor;
  readonly gamma: GpuTensor | undefined;
  readonly beta: GpuTensor | undefined;
  readonly y: GpuTensor;
  readonly mean: GpuTensor;
  readonly variance: GpuTensor;
}

interface Backward {
  readonly x: GpuTensor;
  readonly dy: GpuTensor;
  readonly gamma: GpuTensor | undefined;
  readonly mean: GpuTensor;
  readonly variance: GpuTensor;
  readonly dx: GpuTensor;
}

const loop = (length: number, threads: number, statements: string): string => `
  for (var at = group * ${length}u + lid; at < (group + 1u) * ${length}u; at += ${threads}u) { ${statements} }`;

/** One workgroup per section: mean, then variance, then the values. */
function normalize(context: GpuContext, label: string, tensors: Forward, sections: Sections, eps: number): void {
  const { x, gamma, beta, y, mean, variance } = tensors;
  const { count, length, affine } = sections;
  const threads = context.tuning.rowThreads;
  const value = `(x(at) - mu) * inverse${gamma ? ' * gamma(affine(at))' : ''}${beta ? ' + beta(affine(at))' : ''}`;
  context.dispatch({
    label,
    read: { x, gamma, beta },
    write: { mean, variance },
    emit: { y },
    functions: affine + sumAll(context.tuning),
    body: `
  var sum = 0.0;${loop(length, threads, 'sum += x(at);')}
  let mu = sum_all(lid, sum) / ${f32(length)};
  var squares = 0.0;${loop(length, threads, 'squares += (x(at) - mu) * (x(at) - mu);')}
  let spread = sum_all(lid, squares) / ${f32(length)};
  let inverse = 1.0 / sqrt(spread + ${f32(eps)});${loop(length, threads, `emit_y(at, ${value});`)}
  if (lid == 0u) {
    mean[group] = mu;
    variance[group] = spread;
  }`,
    threads,
    groups: count,
  });
}

/** With g = dy * gamma and m values in a section: dx = (g - sum(g) / m - xhat * sum(g * xhat) / m) / sqrt(var + eps). */
function normalizeGrad(context: GpuContext, label: string, tensors: Backward, sections: Sections, eps: number): void {
  const { x, dy, gamma, mean, variance, dx } = tensors;
  const { count, length, affine } = sections;
  const threads = context.tuning.rowThreads;
  const g = `dy(at)${gamma ? ' * gamma(affine(at))' : ''}`;
  context.dispatch({
    label,
    read: { x, dy, gamma, mean, variance },
    write: { dx },
    functions: affine + sumAll(context.tuning),
    body: `
  let mu = mean(group);
  let inverse = 1.0 / sqrt(variance(group) + ${f32(eps)});
  var sum = 0.0;
  var product = 0.0;${loop(length, threads, `let g = ${g}; sum += g; product += g * ((x(at) - mu) * inverse);`)}
  let share = sum_all(lid, sum) / ${f32(length)};
  let slope = sum_all(lid, product) / ${f32(length)};${loop(length, threads, `dx[at] = inverse * (${g} - share - (x(at) - mu) * inverse * slope);`)}`,
    threads,
    groups: count,
  });
}

function groupSections(x: GpuTensor, groups: number): Sections {
  const plane = sizeOf(x.shape.slice(2));
  const channels = x.shape[1]!;
  return {
    count: x.shape[0]! * groups,
    length: (channels / groups) * plane,
    affine: `fn affine(i: u32) -> u32 { return i / ${plane}u % ${channels}u; }`,
  };
}

function imageSections(x: GpuTensor): Sections {
  const length = x.size / x.shape[0]!;
  return { count: x.shape[0]!, length, affine: `fn affine(i: u32) -> u32 { return i % ${length}u; }` };
}

function forwardOf(
  context: GpuContext,
  { inputs, outputs }: Parameters<GpuKernel<'groupNorm'>>[0] | Parameters<GpuKernel<'layerNorm'>>[0],
): Forward {
  return {
    x: context.tensor(inputs.x),
    gamma: context.optional(inputs.gamma),
    beta: context.optional(inputs.beta),
    y: context.tensor(outputs.y),
    mean: context.tensor(outputs.mean),
    variance: context.tensor(outputs.variance),
  };
}

function backwardOf(
  context: GpuContext,
  { inputs, outputs }: Parameters<GpuKernel<'groupNormGrad'>>[0] | Parameters<GpuKernel<'layerNormGrad'>>[0],
): Backward {
  return {
    x: context.tensor(inputs.x),
    dy: context.tensor(inputs.dy),
    gamma: context.optional(inputs.gamma),
    mean: context.tensor(inputs.mean),
    variance: context.tensor(inputs.variance),
    dx: context.tensor(outputs.dx),
  };
}

/** dy * xhat of every value, for the gradient of gamma. */
function products(
  context: GpuContext,
  label: string,
  { x, dy, mean, variance }: Backward,
  length: number,
  eps: number,
) {
  const values = context.workspace(x.size);
  each(context, x.size, {
    label,
    read: { x, dy, mean, variance },
    write: { values },
    body: `
  let section = i / ${length}u;
  values[i] = dy(i) * ((x(i) - mean(section)) / sqrt(variance(section) + ${f32(eps)}));`,
  });
  return { ...x, ...values };
}

export const groupNorm: GpuKernel<'groupNorm'> = (instance, context) => {
  const { groups, eps } = instance.attrs;
  const tensors = forwardOf(context, instance);
  normalize(context, 'groupNorm', tensors, groupSections(tensors.x, groups), eps);
};

export const groupNormGrad: GpuKernel<'groupNormGrad'> = (instance, context) => {
  const { groups, eps } = instance.attrs;
  const tensors = backwardOf(context, instance);
  const sections = groupSections(tensors.x, groups);
  normalizeGrad(context, 'groupNormGrad', tensors, sections, eps);
  const [dgamma, dbeta] = [context.optional(instance.outputs.dgamma), context.optional(instance.outputs.dbeta)];
  if (dgamma) {
    const label = 'groupNormGrad gamma';
    channelSums(context, label, products(context, label, tensors, sections.length, eps), dgamma);
  }
  if (dbeta) channelSums(context, 'groupNormGrad beta', tensors.dy, dbeta);
};

export const layerNorm: GpuKernel<'layerNorm'> = (instance, context) => {
  const tensors = forwardOf(context, instance);
  normalize(context, 'layerNorm', tensors, imageSections(tensors.x), instance.attrs.eps);
};

export const layerNormGrad: GpuKernel<'layerNormGrad'> = (instance, context) => {
  const { eps } = instance.attrs;
  const tensors = backwardOf(context, instance);
  const { x, dy, mean, variance } = tensors;
  const sections = imageSections(x);
  normalizeGrad(context, 'layerNormGrad', tensors, sections, eps);
  const [dgamma, dbeta] = [context.optional(instance.outputs.dgamma), context.optional(instance.outputs.dbeta)];
  if (!dgamma && !dbeta) return;
  each(context, sections.length, {
    label: 'layerNormGrad parameters',
    read: { x, dy, mean, variance },
    write: { dgamma, dbeta },
    body: `
  var sum = 0.0;
  var product = 0.0;
  for (var n = 0u; n < ${sections.count}u; n++) {
    let at = n * ${sections.length}u + i;
    sum += dy(at);
    product += dy(at) * ((x(at) - mean(n)) / sqrt(variance(n) + ${f32(eps)}));
  }
  ${dgamma ? 'dgamma[i] = product;' : ''}
  ${dbeta ? 'dbeta[i] = sum;' : ''}`,
  });
};
