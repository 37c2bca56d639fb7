import { hyperSlot } from '../../ops/op.ts';
import type { ReferenceKernel } from '../kernel.ts';

export const sgdUpdate: ReferenceKernel<'sgdUpdate'> = ({ attrs, inputs }, tensors) => {
  const hyper = tensors.f32(inputs.hyper);
  const learningRate = hyper[hyperSlot.learningRate]!;
  const dampening = hyper[hyperSlot.dampening]!;
  inputs.parameters.forEach((id, i) => {
    const parameter = tensors.f32(id);
    const gradient = tensors.f32(inputs.gradients[i]!);
    const velocity = attrs.momentum === 0 ? undefined : tensors.f32(inputs.velocities[i]!);
    for (let j = 0; j < parameter.length; j++) {
      let g = gradient[j]! + attrs.weightDecay * parameter[j]!;
      if (velocity !== undefined) {
        const v = attrs.momentum * velocity[j]! + dampening * g;
        velocity[j] = v;
        g = attrs.nesterov ? g + attrs.momentum * v : v;
      }
      parameter[j]! -= learningRate * g;
    }
  });
};

export const adamUpdate: ReferenceKernel<'adamUpdate'> = ({ attrs, inputs }, tensors) => {
  const { beta1, beta2, eps, weightDecay, decoupled } = attrs;
  const hyper = tensors.f32(inputs.hyper);
  const learningRate = hyper[hyperSlot.learningRate]!;
  const correction1 = hyper[hyperSlot.correction1]!;
  const correction2 = hyper[hyperSlot.correction2]!;
  inputs.parameters.forEach((id, i) => {
    const parameter = tensors.f32(id);
    const gradient = tensors.f32(inputs.gradients[i]!);
    const first = tensors.f32(inputs.firstMoments[i]!);
    const second = tensors.f32(inputs.secondMoments[i]!);
    for (let j = 0; j < parameter.length; j++) {
      let p = parameter[j]!;
      let g = gradient[j]!;
      if (decoupled) p *= 1 - learningRate * weightDecay;
      else g += weightDecay * p;
      const m = beta1 * first[j]! + (1 - beta1) * g;
      const v = beta2 * second[j]! + (1 - beta2) * g * g;
      first[j] = m;
      second[j] = v;
      parameter[j] = p - (learningRate * (m * correction1)) / (Math.sqrt(v * correction2) + eps);
    }
  });
};
