import { augmentationSize, augmentationSlot as slot } from '../../ops/op.ts';
import type { ReferenceKernel } from '../kernel.ts';

/** Positions and interpolation in float64; what comes out is rounded once before the transform, whose arithmetic is float32. */
export const augmentImages: ReferenceKernel<'augmentImages'> = ({ inputs, outputs }, tensors) => {
  const pixels = tensors.u8(inputs.pixels);
  const indices = tensors.i32(inputs.indices);
  const changes = tensors.f32(inputs.augmentation);
  const offset = tensors.f32(inputs.offset);
  const scale = tensors.f32(inputs.scale);
  const x = tensors.f32(outputs.x);
  const [, channels, height, width] = tensors.shape(inputs.pixels) as [number, number, number, number];
  const plane = height * width;
  for (let n = 0; n < indices.length; n++) {
    const of = (name: keyof typeof slot): number => changes[n * augmentationSize + slot[name]]!;
    for (let i = 0; i < channels * plane; i++) {
      const to = n * channels * plane + i;
      const h = Math.floor((i % plane) / width);
      const w = i % width;
      const isCut = h >= of('top') && h < of('bottom') && w >= of('left') && w < of('right');
      if (indices[n]! < 0 || isCut) {
        x[to] = 0;
        continue;
      }
      const start = (indices[n]! * channels + Math.floor(i / plane)) * plane;
      const pixel = (row: number, column: number): number =>
        row < 0 || row >= height || column < 0 || column >= width ? 0 : pixels[start + row * width + column]!;
      const y0 = of('yy') * h + of('yx') * w + of('y0');
      const x0 = of('xy') * h + of('xx') * w + of('x0');
      const [row, column] = [Math.floor(y0), Math.floor(x0)];
      const [down, right] = [y0 - row, x0 - column];
      const upper = pixel(row, column) * (1 - right) + pixel(row, column + 1) * right;
      const lower = pixel(row + 1, column) * (1 - right) + pixel(row + 1, column + 1) * right;
      const seen = (upper * (1 - down) + lower * down) * of('gain') + of('bias');
      const value = Math.fround(Math.min(255, Math.max(0, seen)));
      const centred = Math.fround(value - offset[offset.length === 1 ? 0 : i]!);
      x[to] = centred * scale[scale.length === 1 ? 0 : i]!;
    }
  }
};
