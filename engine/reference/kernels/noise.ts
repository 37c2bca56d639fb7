import { randomSlot } from '../../ops/op.ts';
import { boxMuller, philox4x32, streamKind, uniform24 } from '../../random.ts';
import type { ReferenceKernel } from '../kernel.ts';

const words = new Uint32Array(4);
const normals = new Float64Array(2);

/** From -1 to 1. */
const signed = (word: number): number => 2 * uniform24(word) - 1;

export const noise: ReferenceKernel<'noise'> = ({ attrs, inputs, outputs }, tensors) => {
  const random = tensors.i32(inputs.random);
  const [seedLow, seedHigh, step] = [randomSlot.seedLow, randomSlot.seedHigh, randomSlot.step].map(
    (slot) => random[slot]! >>> 0,
  ) as [number, number, number];
  const scale = tensors.f32(outputs.scale);
  const shift = tensors.f32(outputs.shift);
  const [rows, channels] = tensors.shape(outputs.scale) as readonly [number, number];
  const row = 4 * Math.ceil(channels / 4);
  const draw = (index: number): void =>
    philox4x32(index >>> 0, step, attrs.stream, streamKind.noise, seedLow, seedHigh, words);
  for (let c = 0; c < channels; c++) {
    draw(c);
    const mean = attrs.meanRange * signed(words[0]!);
    const spread = 1 + (attrs.largestScale - 1) * uniform24(words[1]!);
    for (let n = 0; n < rows; n++) {
      draw((n + 1) * row + c);
      shift[n * channels + c] = mean + attrs.meanSpread * signed(words[0]!);
      boxMuller(uniform24(words[1]!), uniform24(words[2]!), normals);
      scale[n * channels + c] = spread + attrs.scaleSpread * normals[0]!;
    }
  }
};

export const scaleShift: ReferenceKernel<'scaleShift'> = ({ inputs, outputs }, tensors) => {
  const x = tensors.f32(inputs.x);
  const scale = tensors.f32(inputs.scale);
  const shift = inputs.shift === undefined ? undefined : tensors.f32(inputs.shift);
  const y = tensors.f32(outputs.y);
  const plane = x.length / scale.length;
  for (let i = 0; i < x.length; i++) {
    const at = Math.floor(i / plane);
    y[i] = x[i]! * scale[at]! + (shift?.[at] ?? 0);
  }
};
