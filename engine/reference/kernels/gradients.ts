import type { ReferenceKernel } from '../kernel.ts';

/** Keeps the factor finite for gradients that are all zero. */
const normEps = 1e-6;

export const clipGradientNorm: ReferenceKernel<'clipGradientNorm'> = ({ attrs, inputs, outputs }, tensors) => {
  let sum = 0;
  for (const id of inputs.gradients) for (const value of tensors.f32(id)) sum += value * value;
  const norm = Math.sqrt(sum);
  tensors.f32(outputs.norm)[0] = norm;
  const factor = Math.min(1, attrs.maximum / (norm + normEps));
  for (const id of inputs.gradients) {
    const gradient = tensors.f32(id);
    for (let j = 0; j < gradient.length; j++) gradient[j]! *= factor;
  }
};

export const clipGradientValue: ReferenceKernel<'clipGradientValue'> = ({ attrs, inputs }, tensors) => {
  for (const id of inputs.gradients) {
    const gradient = tensors.f32(id);
    for (let j = 0; j < gradient.length; j++) {
      gradient[j] = Math.min(Math.max(gradient[j]!, -attrs.maximum), attrs.maximum);
    }
  }
};

export const l1Penalty: ReferenceKernel<'l1Penalty'> = ({ attrs, inputs }, tensors) => {
  inputs.parameters.forEach((id, i) => {
    const parameter = tensors.f32(id);
    const gradient = tensors.f32(inputs.gradients[i]!);
    for (let j = 0; j < gradient.length; j++) gradient[j]! += attrs.strength * Math.sign(parameter[j]!);
  });
};
