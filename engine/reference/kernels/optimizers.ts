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

export const rmspropUpdate: ReferenceKernel<'rmspropUpdate'> = ({ attrs, inputs }, tensors) => {
  const { alpha, eps, weightDecay, momentum, centered } = attrs;
  const learningRate = tensors.f32(inputs.hyper)[hyperSlot.learningRate]!;
  inputs.parameters.forEach((id, i) => {
    const parameter = tensors.f32(id);
    const gradient = tensors.f32(inputs.gradients[i]!);
    const square = tensors.f32(inputs.squares[i]!);
    const average = centered ? tensors.f32(inputs.averages[i]!) : undefined;
    const velocity = momentum === 0 ? undefined : tensors.f32(inputs.velocities[i]!);
    for (let j = 0; j < parameter.length; j++) {
      const g = gradient[j]! + weightDecay * parameter[j]!;
      let v = alpha * square[j]! + (1 - alpha) * g * g;
      square[j] = v;
      if (average !== undefined) {
        const a = alpha * average[j]! + (1 - alpha) * g;
        average[j] = a;
        // a variance; rounding of what is kept in float32 may take it below 0
        v = Math.max(0, v - a * a);
      }
      let step = g / (Math.sqrt(v) + eps);
      if (velocity !== undefined) {
        step += momentum * velocity[j]!;
        velocity[j] = step;
      }
      parameter[j]! -= learningRate * step;
    }
  });
};

export const adagradUpdate: ReferenceKernel<'adagradUpdate'> = ({ attrs, inputs }, tensors) => {
  const learningRate = tensors.f32(inputs.hyper)[hyperSlot.learningRate]!;
  inputs.parameters.forEach((id, i) => {
    const parameter = tensors.f32(id);
    const gradient = tensors.f32(inputs.gradients[i]!);
    const squareSum = tensors.f32(inputs.squareSums[i]!);
    for (let j = 0; j < parameter.length; j++) {
      const g = gradient[j]! + attrs.weightDecay * parameter[j]!;
      const sum = squareSum[j]! + g * g;
      squareSum[j] = sum;
      parameter[j]! -= (learningRate * g) / (Math.sqrt(sum) + attrs.eps);
    }
  });
};

export const adamaxUpdate: ReferenceKernel<'adamaxUpdate'> = ({ attrs, inputs }, tensors) => {
  const { beta1, beta2, eps, weightDecay } = attrs;
  const hyper = tensors.f32(inputs.hyper);
  const learningRate = hyper[hyperSlot.learningRate]! * hyper[hyperSlot.correction1]!;
  inputs.parameters.forEach((id, i) => {
    const parameter = tensors.f32(id);
    const gradient = tensors.f32(inputs.gradients[i]!);
    const first = tensors.f32(inputs.firstMoments[i]!);
    const infinity = tensors.f32(inputs.infinityNorms[i]!);
    for (let j = 0; j < parameter.length; j++) {
      const g = gradient[j]! + weightDecay * parameter[j]!;
      const m = beta1 * first[j]! + (1 - beta1) * g;
      const u = Math.max(beta2 * infinity[j]!, Math.abs(g) + eps);
      first[j] = m;
      infinity[j] = u;
      parameter[j]! -= (learningRate * m) / u;
    }
  });
};

export const nadamUpdate: ReferenceKernel<'nadamUpdate'> = ({ attrs, inputs }, tensors) => {
  const { beta1, beta2, eps, weightDecay } = attrs;
  const hyper = tensors.f32(inputs.hyper);
  const learningRate = hyper[hyperSlot.learningRate]!;
  const gradientPart = hyper[hyperSlot.gradientPart]!;
  const correction1 = hyper[hyperSlot.correction1]!;
  const correction2 = hyper[hyperSlot.correction2]!;
  inputs.parameters.forEach((id, i) => {
    const parameter = tensors.f32(id);
    const gradient = tensors.f32(inputs.gradients[i]!);
    const first = tensors.f32(inputs.firstMoments[i]!);
    const second = tensors.f32(inputs.secondMoments[i]!);
    for (let j = 0; j < parameter.length; j++) {
      const g = gradient[j]! + weightDecay * parameter[j]!;
      const m = beta1 * first[j]! + (1 - beta1) * g;
      const v = beta2 * second[j]! + (1 - beta2) * g * g;
      first[j] = m;
      second[j] = v;
      const direction = gradientPart * g + correction1 * m;
      parameter[j]! -= (learningRate * direction) / (Math.sqrt(v * correction2) + eps);
    }
  });
};
