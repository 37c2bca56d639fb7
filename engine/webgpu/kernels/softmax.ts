import { sizeOf } from '../../tensor.ts';
import type { GpuContext, GpuKernel, GpuTensor } from '../kernel.ts';
import { infinities } from '../wgsl.ts';
import { each } from './each.ts';

/** One invocation per line along the axis: `begin`, the distance `STEP` of its values and their number `COUNT`. */
function eachLine(
  context: GpuContext,
  axis: number,
  x: GpuTensor,
  dispatch: Omit<Parameters<typeof each>[2], 'functions'>,
): void {
  const count = x.shape[axis]!;
  const step = sizeOf(x.shape.slice(axis + 1));
  const body = `
  let begin = i / ${step}u * ${count * step}u + i % ${step}u;
  let end = begin + ${count * step}u;
${dispatch.body}`.replaceAll('STEP', `${step}u`);
  each(context, x.size / count, { ...dispatch, functions: infinities, body });
}

/** The largest value of a line and the sum of exp(x - largest). A NaN is never the largest, but makes the sum one. */
const sums = `
  var largest = minus_infinity();
  for (var at = begin; at < end; at += STEP) { if (x(at) > largest) { largest = x(at); } }
  var sum = 0.0;
  for (var at = begin; at < end; at += STEP) { sum += exp(x(at) - largest); }`;

export const softmax: GpuKernel<'softmax'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  eachLine(context, attrs.axis, x, {
    label: 'softmax',
    read: { x },
    write: { y: context.tensor(outputs.y) },
    body: `${sums}
  for (var at = begin; at < end; at += STEP) { y[at] = exp(x(at) - largest) / sum; }`,
  });
};

export const softmaxGrad: GpuKernel<'softmaxGrad'> = ({ attrs, inputs, outputs }, context) => {
  const y = context.tensor(inputs.y);
  eachLine(context, attrs.axis, y, {
    label: 'softmaxGrad',
    read: { y, dy: context.tensor(inputs.dy) },
    write: { dx: context.tensor(outputs.dx) },
    body: `
  var dot = 0.0;
  for (var at = begin; at < end; at += STEP) { dot += y(at) * dy(at); }
  for (var at = begin; at < end; at += STEP) { dx[at] = y(at) * (dy(at) - dot); }`,
  });
};

export const logSoftmax: GpuKernel<'logSoftmax'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  eachLine(context, attrs.axis, x, {
    label: 'logSoftmax',
    read: { x },
    write: { y: context.tensor(outputs.y) },
    body: `${sums}
  for (var at = begin; at < end; at += STEP) { y[at] = x(at) - largest - log(sum); }`,
  });
};

export const logSoftmaxGrad: GpuKernel<'logSoftmaxGrad'> = ({ attrs, inputs, outputs }, context) => {
  const y = context.tensor(inputs.y);
  eachLine(context, attrs.axis, y, {
    label: 'logSoftmaxGrad',
    read: { y, dy: context.tensor(inputs.dy) },
    write: { dx: context.tensor(outputs.dx) },
    body: `
  var sum = 0.0;
  for (var at = begin; at < end; at += STEP) { sum += dy(at); }
  for (var at = begin; at < end; at += STEP) { dx[at] = dy(at) - exp(y(at)) * sum; }`,
  });
};
