import { activationFormulas } from '../../ops/activationFormulas.ts';
import { activationGradNeeds } from '../../ops/activationName.ts';
import type { ReferenceKernel } from '../kernel.ts';

export const activation: ReferenceKernel<'activation'> = ({ attrs, inputs, outputs }, tensors) => {
  const x = tensors.f32(inputs.x);
  const y = tensors.f32(outputs.y);
  const { value } = activationFormulas[attrs.fn];
  for (let i = 0; i < y.length; i++) y[i] = value(x[i]!, attrs);
};

export const activationGrad: ReferenceKernel<'activationGrad'> = ({ attrs, inputs, outputs }, tensors) => {
  const from = tensors.f32(inputs[activationGradNeeds[attrs.fn]]!);
  const dy = tensors.f32(inputs.dy);
  const dx = tensors.f32(outputs.dx);
  const { derivative } = activationFormulas[attrs.fn];
  for (let i = 0; i < dx.length; i++) dx[i] = dy[i]! * derivative(from[i]!, attrs);
};
