import type { ReferenceKernel } from '../kernel.ts';

export const linear: ReferenceKernel<'linear'> = ({ inputs, outputs }, tensors) => {
  const x = tensors.f32(inputs.x);
  const weight = tensors.f32(inputs.weight);
  const bias = inputs.bias === undefined ? undefined : tensors.f32(inputs.bias);
  const y = tensors.f32(outputs.y);
  const [batch, outs] = tensors.shape(outputs.y) as [number, number];
  const features = tensors.shape(inputs.x)[1]!;
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outs; o++) {
      let sum = bias?.[o] ?? 0;
      for (let f = 0; f < features; f++) sum += x[n * features + f]! * weight[o * features + f]!;
      y[n * outs + o] = sum;
    }
  }
};

export const linearGradInput: ReferenceKernel<'linearGradInput'> = (instance, tensors) => {
  const { inputs, outputs } = instance;
  const dy = tensors.f32(inputs.dy);
  const weight = tensors.f32(inputs.weight);
  const dx = tensors.f32(outputs.dx);
  const [outs, features] = tensors.shape(inputs.weight) as [number, number];
  const batch = tensors.shape(inputs.dy)[0]!;
  const row = tensors.scratch(instance, features);
  for (let n = 0; n < batch; n++) {
    row.fill(0);
    for (let o = 0; o < outs; o++) {
      const g = dy[n * outs + o]!;
      for (let f = 0; f < features; f++) row[f]! += g * weight[o * features + f]!;
    }
    dx.set(row, n * features);
  }
};

export const linearGradWeight: ReferenceKernel<'linearGradWeight'> = (instance, tensors) => {
  const { inputs, outputs } = instance;
  const x = tensors.f32(inputs.x);
  const dy = tensors.f32(inputs.dy);
  const dweight = tensors.f32(outputs.dweight);
  const dbias = outputs.dbias === undefined ? undefined : tensors.f32(outputs.dbias);
  const [outs, features] = tensors.shape(outputs.dweight) as [number, number];
  const batch = tensors.shape(inputs.x)[0]!;
  const row = tensors.scratch(instance, features);
  for (let o = 0; o < outs; o++) {
    row.fill(0);
    let sum = 0;
    for (let n = 0; n < batch; n++) {
      const g = dy[n * outs + o]!;
      sum += g;
      for (let f = 0; f < features; f++) row[f]! += g * x[n * features + f]!;
    }
    dweight.set(row, o * features);
    if (dbias !== undefined) dbias[o] = sum;
  }
};
