import type { ReferenceKernel } from '../kernel.ts';

export const accumulate: ReferenceKernel<'accumulate'> = ({ inputs }, tensors) => {
  inputs.sums.forEach((id, i) => {
    const sum = tensors.f32(id);
    const value = tensors.f32(inputs.values[i]!);
    for (let j = 0; j < sum.length; j++) sum[j]! += value[j]!;
  });
};

export const takeAccumulated: ReferenceKernel<'takeAccumulated'> = ({ attrs, inputs }, tensors) => {
  inputs.sums.forEach((id, i) => {
    const sum = tensors.f32(id);
    const value = tensors.f32(inputs.values[i]!);
    for (let j = 0; j < sum.length; j++) value[j] = sum[j]! * attrs.scale;
    sum.fill(0);
  });
};
