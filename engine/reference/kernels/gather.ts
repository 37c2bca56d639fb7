import { sizeOf } from '../../tensor.ts';
import type { ReferenceKernel } from '../kernel.ts';

/** The arithmetic is float32 here, as the op promises: preprocessing gives the same numbers on every backend. */
export const gatherImages: ReferenceKernel<'gatherImages'> = ({ inputs, outputs }, tensors) => {
  const pixels = tensors.u8(inputs.pixels);
  const indices = tensors.i32(inputs.indices);
  const offset = tensors.f32(inputs.offset);
  const scale = tensors.f32(inputs.scale);
  const x = tensors.f32(outputs.x);
  const size = sizeOf(tensors.shape(inputs.pixels).slice(1));
  for (let n = 0; n < indices.length; n++) {
    const index = indices[n]!;
    for (let i = 0; i < size; i++) {
      const centred = Math.fround(pixels[index * size + i]! - offset[offset.length === 1 ? 0 : i]!);
      x[n * size + i] = index === -1 ? 0 : centred * scale[scale.length === 1 ? 0 : i]!;
    }
  }
};

export const gatherRows: ReferenceKernel<'gatherRows'> = ({ inputs, outputs }, tensors) => {
  const rows = tensors.f32(inputs.rows);
  const x = tensors.f32(outputs.x);
  const indices = tensors.i32(inputs.indices);
  const size = x.length / indices.length;
  for (let n = 0; n < indices.length; n++) {
    const index = indices[n]!;
    if (index === -1) x.fill(0, n * size, (n + 1) * size);
    else x.set(rows.subarray(index * size, (index + 1) * size), n * size);
  }
};

export const scatterRows: ReferenceKernel<'scatterRows'> = ({ inputs }, tensors) => {
  const rows = tensors.f32(inputs.rows);
  const x = tensors.f32(inputs.x);
  const indices = tensors.i32(inputs.indices);
  const size = x.length / indices.length;
  for (let n = 0; n < indices.length; n++) {
    if (indices[n] !== -1) rows.set(x.subarray(n * size, (n + 1) * size), indices[n]! * size);
  }
};

export const gatherLabels: ReferenceKernel<'gatherLabels'> = ({ inputs, outputs }, tensors) => {
  const labels = tensors.u8(inputs.labels);
  const indices = tensors.i32(inputs.indices);
  const target = tensors.i32(outputs.target);
  for (let n = 0; n < indices.length; n++) {
    const index = indices[n]!;
    target[n] = index === -1 ? -1 : labels[index]!;
  }
};
