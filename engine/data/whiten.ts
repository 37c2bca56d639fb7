import { symmetricEigen } from '../diagnostics/symmetricEigen.ts';
import { productSums } from '../cpu/productSums.ts';
import { resizeTaps, type Taps } from '../ops/resample.ts';

/** Sums over images, exact: pixel values are whole numbers. */
export interface PixelSums {
  readonly count: number;
  /** [F] */
  readonly sums: Float64Array;
  /** [F, F], the products of pixels i and j >= i; below the diagonal nothing. */
  readonly products: Float64Array;
}

/**
 * Sums of all pixels and of the products of all pairs of pixels, of the images that `indices` names. Whole numbers below 2^53, so
 * their order does not matter.
 *
 * @param pixels u8 [M, F]
 * @param tell hears how far it is, from 0 to 1
 */
export function pixelSums(
  pixels: Uint8Array,
  indices: Int32Array,
  features: number,
  tell?: (done: number) => void,
): PixelSums {
  const products = productSums(pixels, indices, features, tell);
  if (products === null) return plainPixelSums(pixels, indices, features);
  const sums = new Float64Array(features);
  for (const index of indices) {
    for (let i = 0; i < features; i++) sums[i]! += pixels[index * features + i]!;
  }
  return { count: indices.length, sums, products };
}

/** The same, pair by pair: what `pixelSums` must give, and does without SIMD. Black pixels add nothing and are passed over. */
export function plainPixelSums(pixels: Uint8Array, indices: Int32Array, features: number): PixelSums {
  const sums = new Float64Array(features);
  const products = new Float64Array(features * features);
  const places = new Int32Array(features);
  const values = new Float64Array(features);
  for (const index of indices) {
    const start = index * features;
    let lit = 0;
    for (let i = 0; i < features; i++) {
      const value = pixels[start + i]!;
      if (value === 0) continue;
      places[lit] = i;
      values[lit++] = value;
      sums[i]! += value;
    }
    for (let a = 0; a < lit; a++) {
      const row = places[a]! * features;
      const value = values[a]!;
      for (let b = a; b < lit; b++) products[row + places[b]!]! += value * values[b]!;
    }
  }
  return { count: indices.length, sums, products };
}

/** The covariance [F, F] of pixel values of 0 to 1; divides by the number of images. */
function covarianceOf({ count, sums, products }: PixelSums): Float64Array {
  const n = sums.length;
  const covariance = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      const value = (products[i * n + j]! / count - (sums[i]! / count) * (sums[j]! / count)) / (255 * 255);
      covariance[i * n + j] = value;
      covariance[j * n + i] = value;
    }
  }
  return covariance;
}

/** The rows of `matrix` [rows, C * H * W] as images, each resized: [rows, C * H' * W']. */
function resizeRows(
  matrix: Float64Array,
  rows: number,
  channels: number,
  vertical: Axis,
  horizontal: Axis,
): Float64Array {
  const out = new Float64Array(rows * channels * vertical.to * horizontal.to);
  let to = 0;
  for (let plane = 0; plane < rows * channels; plane++) {
    const start = plane * vertical.from * horizontal.from;
    for (const row of vertical.taps) {
      for (const column of horizontal.taps) {
        let sum = 0;
        for (let i = 0; i < row.weights.length; i++) {
          const at = start + (row.first + i) * horizontal.from + column.first;
          for (let j = 0; j < column.weights.length; j++) sum += row.weights[i]! * column.weights[j]! * matrix[at + j]!;
        }
        out[to++] = sum;
      }
    }
  }
  return out;
}

interface Axis {
  readonly from: number;
  readonly to: number;
  readonly taps: readonly Taps[];
}

const axis = (from: number, to: number): Axis => ({ from, to, taps: resizeTaps('bilinearAntialias', from, to) });

function transposed(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(matrix.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = matrix[i * columns + j]!;
  return out;
}

/**
 * The matrix W [F', F'] of a whitening for images that are resized to `size` before it. Resizing is linear, so their covariance is
 * that of the stored images with both of its sides resized, and no image has to be. With the covariance U diag(l) U': pca
 * diag(1 / sqrt(l + eps)) U', strongest direction first; zca U diag(1 / sqrt(l + eps)) U' (Bell and Sejnowski 1997). All in float64.
 * `tell` hears how far it is, from 0 to 1.
 */
export function whiteningMatrix(
  sums: PixelSums,
  kind: 'pca' | 'zca',
  eps: number,
  [channels, height, width]: readonly [number, number, number],
  [toHeight, toWidth]: readonly [number, number],
  tell?: (done: number) => void,
): Float32Array {
  let covariance = covarianceOf(sums);
  let n = sums.sums.length;
  if (toHeight !== height || toWidth !== width) {
    const [vertical, horizontal] = [axis(height, toHeight), axis(width, toWidth)];
    const m = channels * toHeight * toWidth;
    const half = transposed(resizeRows(covariance, n, channels, vertical, horizontal), n, m);
    covariance = resizeRows(half, m, channels, vertical, horizontal);
    n = m;
  }
  // the products of zca take the rest
  const share = kind === 'zca' ? 0.7 : 1;
  const { values, vectors } = symmetricEigen(covariance, n, tell && ((done) => tell(share * done)));
  const scale = values.map((value) => 1 / Math.sqrt(Math.max(0, value) + eps));
  const matrix = new Float64Array(n * n);
  if (kind === 'pca') {
    for (let i = 0; i < n * n; i++) matrix[i] = vectors[i]! * scale[Math.floor(i / n)]!;
    return Float32Array.from(matrix);
  }
  for (let k = 0; k < n; k++) {
    const row = vectors.subarray(k * n, (k + 1) * n);
    for (let i = 0; i < n; i++) {
      const factor = row[i]! * scale[k]!;
      for (let j = 0; j < n; j++) matrix[i * n + j]! += factor * row[j]!;
    }
    tell?.(share + ((1 - share) * (k + 1)) / n);
  }
  return Float32Array.from(matrix);
}
