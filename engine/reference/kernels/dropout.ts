import { randomSlot } from '../../ops/op.ts';
import { philox4x32, streamKind } from '../../random.ts';
import { sizeOf } from '../../tensor.ts';
import type { ReferenceKernel } from '../kernel.ts';

const words = new Uint32Array(4);

export const dropoutMask: ReferenceKernel<'dropoutMask'> = ({ attrs, inputs, outputs }, tensors) => {
  const random = tensors.i32(inputs.random);
  const seedLow = random[randomSlot.seedLow]! >>> 0;
  const seedHigh = random[randomSlot.seedHigh]! >>> 0;
  const step = random[randomSlot.step]! >>> 0;
  const mask = tensors.u8(outputs.mask);
  const shape = tensors.shape(outputs.mask);
  const channels = shape[1]!;
  const plane = sizeOf(shape.slice(2));
  const blocks = Math.ceil(channels / 4);
  const dropBelow = Math.round(attrs.p * 2 ** 24);
  for (let n = 0; n < shape[0]!; n++) {
    for (let at = 0; at < plane; at++) {
      for (let block = 0; block < blocks; block++) {
        const index = (n * plane + at) * blocks + block;
        philox4x32(index >>> 0, step, attrs.stream, streamKind.dropout, seedLow, seedHigh, words);
        for (let c = block * 4; c < Math.min(block * 4 + 4, channels); c++) {
          mask[(n * channels + c) * plane + at] = words[c % 4]! >>> 8 >= dropBelow ? 1 : 0;
        }
      }
    }
  }
};

export const dropout: ReferenceKernel<'dropout'> = ({ attrs, inputs, outputs }, tensors) => {
  const x = tensors.f32(inputs.x);
  const mask = tensors.u8(inputs.mask);
  const y = tensors.f32(outputs.y);
  // 1 for a mask of x's shape, H*W for one of whole channels.
  const share = x.length / mask.length;
  for (let i = 0; i < x.length; i++) y[i] = mask[Math.floor(i / share)] === 0 ? 0 : x[i]! * attrs.scale;
};
