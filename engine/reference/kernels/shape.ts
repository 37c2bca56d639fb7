import type { TensorId } from '../../ops/op.ts';
import { sizeOf } from '../../tensor.ts';
import type { ReferenceKernel, TensorStore } from '../kernel.ts';

export const flatten: ReferenceKernel<'flatten'> = ({ inputs, outputs }, tensors) => {
  tensors.f32(outputs.y).set(tensors.f32(inputs.x));
};

export const flattenGrad: ReferenceKernel<'flattenGrad'> = ({ inputs, outputs }, tensors) => {
  tensors.f32(outputs.dx).set(tensors.f32(inputs.dy));
};

export const add: ReferenceKernel<'add'> = ({ inputs, outputs }, tensors) => {
  const a = tensors.f32(inputs.a);
  const b = tensors.f32(inputs.b);
  const y = tensors.f32(outputs.y);
  for (let i = 0; i < y.length; i++) y[i] = a[i]! + b[i]!;
};

/**
 * Calls `visit` for each contiguous run of the parts of a tensor that is their concatenation along `axis`: `length`
 * elements from `from` in a part are those from `to` in the whole.
 */
function forEachRun(
  parts: readonly TensorId[],
  whole: TensorId,
  axis: number,
  tensors: TensorStore,
  visit: (part: Float32Array, from: number, to: number, length: number) => void,
): void {
  const wholeShape = tensors.shape(whole);
  const outer = sizeOf(wholeShape.slice(0, axis));
  const wholeRun = sizeOf(wholeShape.slice(axis));
  let offset = 0;
  for (const id of parts) {
    const run = sizeOf(tensors.shape(id).slice(axis));
    for (let i = 0; i < outer; i++) visit(tensors.f32(id), i * run, i * wholeRun + offset, run);
    offset += run;
  }
}

export const concat: ReferenceKernel<'concat'> = ({ attrs, inputs, outputs }, tensors) => {
  const y = tensors.f32(outputs.y);
  forEachRun(inputs.xs, outputs.y, attrs.axis, tensors, (x, from, to, length) => {
    for (let i = 0; i < length; i++) y[to + i] = x[from + i]!;
  });
};

export const concatGrad: ReferenceKernel<'concatGrad'> = ({ attrs, inputs, outputs }, tensors) => {
  const dy = tensors.f32(inputs.dy);
  forEachRun(outputs.dxs, inputs.dy, attrs.axis, tensors, (dx, from, to, length) => {
    for (let i = 0; i < length; i++) dx[from + i] = dy[to + i]!;
  });
};
