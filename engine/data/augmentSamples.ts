import { augmentationSize, augmentationSlot as slot } from '../ops/op.ts';
import { Augmentation, type AugmentationSettings } from './augment.ts';

/**
 * The first images of a training file as a run of this seed changes them in an epoch, at full strength: bytes as they are stored,
 * before the transform. The arithmetic of op `augmentImages`, without a backend, for pictures.
 * @param pixels u8 of `shape` [N, C, H, W], from the beginning of the file
 */
export function augmentSamples(
  pixels: Uint8Array,
  [count, channels, height, width]: readonly [number, number, number, number],
  settings: AugmentationSettings,
  seed: number,
  epoch: number,
): Uint8Array {
  const drawn = new Augmentation(settings, 1, [channels, height, width], seed, count);
  drawn.fill(
    { epochOf: () => epoch },
    0,
    Int32Array.from({ length: count }, (_, n) => n),
  );
  const plane = height * width;
  const changed = new Uint8Array(pixels.length);
  for (let to = 0; to < changed.length; to++) {
    const n = Math.floor(to / (channels * plane));
    const of = (name: keyof typeof slot): number => drawn.values[n * augmentationSize + slot[name]]!;
    const h = Math.floor((to % plane) / width);
    const w = to % width;
    if (h >= of('top') && h < of('bottom') && w >= of('left') && w < of('right')) continue;
    const start = to - (to % plane);
    const pixel = (row: number, column: number): number =>
      row < 0 || row >= height || column < 0 || column >= width ? 0 : pixels[start + row * width + column]!;
    const y = of('yy') * h + of('yx') * w + of('y0');
    const x = of('xy') * h + of('xx') * w + of('x0');
    const [row, column] = [Math.floor(y), Math.floor(x)];
    const [down, right] = [y - row, x - column];
    const upper = pixel(row, column) * (1 - right) + pixel(row, column + 1) * right;
    const lower = pixel(row + 1, column) * (1 - right) + pixel(row + 1, column + 1) * right;
    const seen = (upper * (1 - down) + lower * down) * of('gain') + of('bias');
    changed[to] = Math.round(Math.min(255, Math.max(0, seen)));
  }
  return changed;
}
