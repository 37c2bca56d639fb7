import type { ReferenceKernel } from '../kernel.ts';

export const mixRows: ReferenceKernel<'mixRows'> = ({ attrs, inputs, outputs }, tensors) => {
  const a = tensors.f32(inputs.a);
  const b = tensors.f32(inputs.b);
  const weight = tensors.f32(inputs.weight)[0]!;
  const y = tensors.f32(outputs.y);
  const first = (attrs.shift * y.length) / tensors.shape(outputs.y)[0]!;
  for (let i = 0; i < y.length; i++) {
    const other = b[(i + first) % y.length]!;
    y[i] = other + weight * (a[i]! - other);
  }
};
