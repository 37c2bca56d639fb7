import type { Shape } from '../../tensor.ts';
import { sizeOf } from '../../tensor.ts';
import type { ReferenceKernel } from '../kernel.ts';

/** Calls `visit` with the first index of every line along the axis, the distance of its elements and their number. */
function eachLine(shape: Shape, axis: number, visit: (first: number, step: number, count: number) => void): void {
  const count = shape[axis]!;
  const step = sizeOf(shape.slice(axis + 1));
  const lines = sizeOf(shape.slice(0, axis));
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < step; i++) visit(line * count * step + i, step, count);
  }
}

/** Largest value of a line and the sum of exp(x - largest). */
function lineSums(x: Float32Array, first: number, step: number, count: number): { largest: number; sum: number } {
  let largest = -Infinity;
  for (let i = 0; i < count; i++) largest = Math.max(largest, x[first + i * step]!);
  let sum = 0;
  for (let i = 0; i < count; i++) sum += Math.exp(x[first + i * step]! - largest);
  return { largest, sum };
}

export const softmax: ReferenceKernel<'softmax'> = ({ attrs, inputs, outputs }, tensors) => {
  const x = tensors.f32(inputs.x);
  const y = tensors.f32(outputs.y);
  eachLine(tensors.shape(inputs.x), attrs.axis, (first, step, count) => {
    const { largest, sum } = lineSums(x, first, step, count);
    for (let at = first, i = 0; i < count; i++, at += step) y[at] = Math.exp(x[at]! - largest) / sum;
  });
};

export const softmaxGrad: ReferenceKernel<'softmaxGrad'> = ({ attrs, inputs, outputs }, tensors) => {
  const y = tensors.f32(inputs.y);
  const dy = tensors.f32(inputs.dy);
  const dx = tensors.f32(outputs.dx);
  eachLine(tensors.shape(inputs.y), attrs.axis, (first, step, count) => {
    let dot = 0;
    for (let at = first, i = 0; i < count; i++, at += step) dot += y[at]! * dy[at]!;
    for (let at = first, i = 0; i < count; i++, at += step) dx[at] = y[at]! * (dy[at]! - dot);
  });
};

export const logSoftmax: ReferenceKernel<'logSoftmax'> = ({ attrs, inputs, outputs }, tensors) => {
  const x = tensors.f32(inputs.x);
  const y = tensors.f32(outputs.y);
  eachLine(tensors.shape(inputs.x), attrs.axis, (first, step, count) => {
    const { largest, sum } = lineSums(x, first, step, count);
    for (let at = first, i = 0; i < count; i++, at += step) y[at] = x[at]! - largest - Math.log(sum);
  });
};

export const logSoftmaxGrad: ReferenceKernel<'logSoftmaxGrad'> = ({ attrs, inputs, outputs }, tensors) => {
  const y = tensors.f32(inputs.y);
  const dy = tensors.f32(inputs.dy);
  const dx = tensors.f32(outputs.dx);
  eachLine(tensors.shape(inputs.y), attrs.axis, (first, step, count) => {
    let sum = 0;
    for (let at = first, i = 0; i < count; i++, at += step) sum += dy[at]!;
    for (let at = first, i = 0; i < count; i++, at += step) dx[at] = dy[at]! - Math.exp(y[at]!) * sum;
  });
};
