import type { Preprocessing } from '../worker/protocol.ts';

/** x = (pixel - offset) * scale. One value each for the whole image, or one per feature [C*H*W]. */
export interface PixelTransform {
  readonly offset: Float32Array;
  readonly scale: Float32Array;
}

/** Whether the transform has a value per feature: 'standardise' treats every channel of a colour image by itself. */
export function isPerFeature(kind: Preprocessing, channels: number): boolean {
  return kind === 'standardise' && channels > 1;
}

/**
 * Fits a transform. Only the images named by `indices` (the training split) are looked at.
 * - raw: pixels as they are, 0 to 255
 * - unit: divided by 255
 * - standardise: mean 0 and standard deviation 1 (biased, over all pixels of a channel of the training split)
 *
 * @param pixels u8 [M, C, H, W]
 * @param indices positions in `pixels`
 * @param imageShape [C, H, W]
 */
export function fitPreprocessing(
  kind: Preprocessing,
  pixels: Uint8Array,
  indices: Int32Array,
  imageShape: readonly [number, number, number],
): PixelTransform {
  if (kind === 'raw') return { offset: Float32Array.of(0), scale: Float32Array.of(1) };
  if (kind === 'unit') return { offset: Float32Array.of(0), scale: Float32Array.of(1 / 255) };
  const [channels, height, width] = imageShape;
  const plane = height * width;
  const size = isPerFeature(kind, channels) ? channels * plane : 1;
  const offset = new Float32Array(size);
  const scale = new Float32Array(size);
  for (let channel = 0; channel < channels; channel++) {
    const { mean, deviation } = moments(histogram(pixels, indices, channels, plane, channel));
    const first = size === 1 ? 0 : channel * plane;
    const end = size === 1 ? 1 : first + plane;
    offset.fill(mean, first, end);
    // a channel of one single value carries nothing; it becomes 0 instead of a division by zero
    scale.fill(deviation > 0 ? 1 / deviation : 1, first, end);
  }
  return { offset, scale };
}

/**
 * The transform of a few images, on the host: f32 [n, C, H, W] of u8 [n, C, H, W], in the arithmetic of the op `gatherImages`.
 *
 * @param size values of one image
 */
export function applyTransform({ offset, scale }: PixelTransform, pixels: Uint8Array, size: number): Float32Array {
  const x = new Float32Array(pixels.length);
  for (let i = 0; i < x.length; i++) {
    const feature = offset.length === 1 ? 0 : i % size;
    x[i] = Math.fround(pixels[i]! - offset[feature]!) * scale[feature]!;
  }
  return x;
}

/** How often each of the 256 values occurs in a channel. Counts are exact, so the order of the images does not matter. */
function histogram(
  pixels: Uint8Array,
  indices: Int32Array,
  channels: number,
  plane: number,
  channel: number,
): Float64Array {
  const counts = new Float64Array(256);
  for (const index of indices) {
    const start = (index * channels + channel) * plane;
    for (let i = start; i < start + plane; i++) counts[pixels[i]!]!++;
  }
  return counts;
}

function moments(counts: Float64Array): { mean: number; deviation: number } {
  let total = 0;
  let sum = 0;
  for (let value = 0; value < 256; value++) {
    total += counts[value]!;
    sum += counts[value]! * value;
  }
  const mean = sum / total;
  let squares = 0;
  for (let value = 0; value < 256; value++) squares += counts[value]! * (value - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / total) };
}
