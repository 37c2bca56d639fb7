import type { GpuArray, GpuKernel } from '../kernel.ts';
import { f32, sumAll } from '../wgsl.ts';
import { each } from './each.ts';
import { flatten, skipPadding } from './flat.ts';

/** Keeps the factor finite for gradients that are all zero. */
const normEps = 1e-6;

/** Sums of squares of fixed slices, then one workgroup that adds them up in order, then the factor on every value. */
export const clipGradientNorm: GpuKernel<'clipGradientNorm'> = ({ attrs, inputs, outputs }, context) => {
  const norm = context.tensor(outputs.norm);
  const threads = context.tuning.rowThreads;
  const flats = flatten(context, [inputs.gradients]);
  const slice = threads * 16;
  const slices = flats.map(({ size }) => Math.ceil(size / slice));
  const sliceCount = slices.reduce((sum, count) => sum + count, 0);
  const parts = context.workspace(Math.max(sliceCount, 1));
  let first = 0;
  flats.forEach(({ arrays: [gradient], size }, j) => {
    context.dispatch({
      label: 'clipGradientNorm squares',
      read: { gradient },
      update: { parts },
      functions: sumAll(context.tuning),
      body: `
  var sum = 0.0;
  for (var i = group * ${slice}u + lid; i < min((group + 1u) * ${slice}u, ${size}u); i += ${threads}u) { sum += gradient(i) * gradient(i); }
  let total = sum_all(lid, sum);
  if (lid == 0u) { parts[${first}u + group] = total; }`,
      threads,
      groups: slices[j]!,
    });
    first += slices[j]!;
  });
  context.dispatch({
    label: 'clipGradientNorm norm',
    read: { parts },
    write: { norm },
    functions: sumAll(context.tuning),
    body: `
  var sum = 0.0;
  for (var i = lid; i < ${sliceCount}u; i += ${threads}u) { sum += parts(i); }
  let total = sum_all(lid, sum);
  if (lid == 0u) { norm[0] = sqrt(total); }`,
    threads,
    groups: 1,
  });
  for (const flat of flats) {
    each(context, flat.size, {
      label: 'clipGradientNorm',
      read: { norm, valid: flat.valid },
      update: { gradient: flat.arrays[0] },
      body: `${skipPadding(flat)}
  let factor = ${f32(attrs.maximum)} / (norm(0u) + ${f32(normEps)});
  // turned so that NaN passes through
  gradient[i] *= select(factor, 1.0, factor > 1.0);`,
    });
  }
};

export const clipGradientValue: GpuKernel<'clipGradientValue'> = ({ attrs, inputs }, context) => {
  const most = f32(attrs.maximum);
  const least = f32(-attrs.maximum);
  for (const flat of flatten(context, [inputs.gradients])) {
    each(context, flat.size, {
      label: 'clipGradientValue',
      update: { gradient: flat.arrays[0] },
      body: `
  let g = gradient[i];
  gradient[i] = select(select(g, ${most}, g > ${most}), ${least}, g < ${least});`,
    });
  }
};

export const l1Penalty: GpuKernel<'l1Penalty'> = ({ attrs, inputs }, context) => {
  for (const flat of flatten(context, [inputs.parameters, inputs.gradients])) {
    const [parameter, gradient] = flat.arrays as [GpuArray, GpuArray];
    each(context, flat.size, {
      label: 'l1Penalty',
      read: { parameter, valid: flat.valid },
      update: { gradient },
      body: `${skipPadding(flat)}
  let p = parameter(i);
  gradient[i] += ${f32(attrs.strength)} * select(select(p, 1.0, p > 0.0), -1.0, p < 0.0);`,
    });
  }
};
