import { randomSlot } from '../../ops/op.ts';
import type { ReferenceKernel } from '../kernel.ts';

export const record: ReferenceKernel<'record'> = ({ inputs }, tensors) => {
  const history = tensors.f32(inputs.history);
  const slots = tensors.shape(inputs.history)[0]!;
  const step = tensors.i32(inputs.random)[randomSlot.step]! >>> 0;
  const row = (step % slots) * inputs.values.length;
  inputs.values.forEach((value, i) => {
    history[row + i] = tensors.f32(value)[0]!;
  });
};
