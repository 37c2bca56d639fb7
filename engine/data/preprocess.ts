import type { Preprocessing } from '../worker/protocol.ts';
import { fits } from './fits.ts';
import type { PixelSums } from './whiten.ts';

/** x = (pixel - offset) * scale. One value each for the whole image, or one per feature [C*H*W]. */
export interface PixelTransform {
  readonly offset: Float32Array;
  readonly scale: Float32Array;
}

/** Whether the transform has a value per feature: 'standardise' treats every channel of a colour image by itself. */
export function isPerFeature(kind: Preprocessing, channels: number): boolean {
  return (kind === 'standardise' && channels > 1) || kind === 'standardiseFeatures' || isWhitening(kind);
}

/** Whether the transform follows from the images. */
export const isFitted = (kind: Preprocessing): boolean => kind !== 'raw' && kind !== 'unit';

/** Whether a matrix follows the transform. */
export function isWhitening(kind: Preprocessing): kind is 'pcaWhitening' | 'zcaWhitening' {
  return kind === 'pcaWhitening' || kind === 'zcaWhitening';
}

/**
 * Fits a transform. Only the images named by `indices` (the training split) are looked at.
 * - raw: pixels as they are, 0 to 255
 * - unit: divided by 255
 * - standardise: mean 0 and standard deviation 1 (biased, over all pixels of a channel of the training split)
 * - standardiseFeatures: the same of every pixel by itself; a pixel that never varies becomes 0, in every image
 * - pcaWhitening, zcaWhitening: divided by 255, minus the mean of every pixel; the matrix that follows is `Whitening`'s
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
  if (kind === 'standardiseFeatures' || isWhitening(kind)) return fitFeatures(kind, pixels, indices, channels * plane);
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

/** Mean and deviation of every pixel; its sums are whole numbers and exact. */
function fitFeatures(kind: Preprocessing, pixels: Uint8Array, indices: Int32Array, features: number): PixelTransform {
  const sums = new Float64Array(features);
  const squares = new Float64Array(features);
  for (const index of indices) {
    const start = index * features;
    for (let i = 0; i < features; i++) {
      const value = pixels[start + i]!;
      sums[i]! += value;
      squares[i]! += value * value;
    }
  }
  const count = indices.length;
  const offset = Float32Array.from(sums, (sum) => sum / count);
  const scale = Float32Array.from(squares, (square, i) => {
    if (kind !== 'standardiseFeatures') return 1 / 255;
    const variance = (square - (sums[i]! * sums[i]!) / count) / count;
    return variance > 0 ? 1 / Math.sqrt(variance) : 0;
  });
  return { offset, scale };
}

/** Of the time that a whitening takes, in the sums over images: measured for 55,000 images of 28 × 28. */
const sumsShare = 0.27;

/**
 * Matrices of a whitening, one for each size that images are resized to. Fitted on the training split when the first one is asked
 * for, as that takes a moment; then kept. The arithmetic is loaded then, too: it is the cpu backend's.
 */
export class Whitening {
  readonly #kind: 'pca' | 'zca';
  readonly #eps: number;
  readonly #pixels: Uint8Array;
  readonly #indices: Int32Array;
  readonly #imageShape: readonly [number, number, number];
  readonly #key: string | null;
  readonly #matrices = new Map<string, Promise<Float32Array>>();

  /** @param key names pixels and images in words that nothing else has, so that fits are remembered (fits.ts); null: they are not */
  constructor(
    kind: 'pcaWhitening' | 'zcaWhitening',
    eps: number,
    pixels: Uint8Array,
    indices: Int32Array,
    imageShape: readonly [number, number, number],
    key: string | null = null,
  ) {
    this.#kind = kind === 'pcaWhitening' ? 'pca' : 'zca';
    this.#eps = eps;
    this.#pixels = pixels;
    this.#indices = indices;
    this.#imageShape = imageShape;
    this.#key = key;
  }

  /** f32 [F, F] for images of this height and width. Not for writing. `tell` hears how far its making is, from 0 to 1. */
  matrix(size: readonly [number, number], tell?: (done: number) => void): Promise<Float32Array> {
    const name = size.join('×');
    let matrix = this.#matrices.get(name);
    if (matrix === undefined) {
      matrix = this.#fit(size, tell);
      this.#matrices.set(name, matrix);
    }
    return matrix;
  }

  async #fit(size: readonly [number, number], tell: ((done: number) => void) | undefined): Promise<Float32Array> {
    const { pixelSums, whiteningMatrix } = await import('./whiten.ts');
    const key = this.#key;
    const features = this.#imageShape[0] * this.#imageShape[1] * this.#imageShape[2];
    const sums = (): PixelSums =>
      fits.take(
        key === null ? null : `${key} sums`,
        () => pixelSums(this.#pixels, this.#indices, features, tell && ((done) => tell(sumsShare * done))),
        (value) => value.products.byteLength + value.sums.byteLength,
      );
    return fits.take(
      key === null ? null : `${key} ${this.#kind} ${this.#eps} ${size.join('×')}`,
      () => {
        const known = sums();
        const rest = tell && ((done: number) => tell(sumsShare + (1 - sumsShare) * done));
        return whiteningMatrix(known, this.#kind, this.#eps, this.#imageShape, size, rest);
      },
      (value) => value.byteLength,
    );
  }
}

/** y = W x of every image in `images` [n, F], on the host: for a few that are looked at. */
export function whiten(images: Float32Array, matrix: Float32Array): Float32Array {
  const features = Math.sqrt(matrix.length);
  return Float32Array.from(images, (_, at) => {
    const [start, row] = [at - (at % features), (at % features) * features];
    let sum = 0;
    for (let j = 0; j < features; j++) sum += matrix[row + j]! * images[start + j]!;
    return sum;
  });
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
