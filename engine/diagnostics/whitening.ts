import { sampleCount, type Samples } from './columns.ts';
import { covarianceEigen } from './covariance.ts';

export interface WhiteningOptions {
  /**
   * 'pca' rotates into the principal directions, strongest first; 'zca' rotates back again, which stays as near to the original
   * as a whitened sample can (Bell and Sejnowski 1997).
   */
  readonly kind: 'pca' | 'zca';
  /** Added to every eigenvalue, so that directions without variance are not blown up. */
  readonly eps: number;
}

export interface Whitening {
  readonly mean: Float64Array;
  /** Of the covariance, descending. */
  readonly eigenvalues: Float64Array;
  /** W [D, D]. */
  readonly matrix: Float64Array;
}

/**
 * The linear map after which the features of x [N, D] are uncorrelated with variance l / (l + eps). With the covariance U diag(l) U':
 * pca W = diag(1 / sqrt(l + eps)) U', zca W = U diag(1 / sqrt(l + eps)) U'. A direction with l + eps = 0 becomes 0.
 */
export function fitWhitening(samples: Samples, { kind, eps }: WhiteningOptions): Whitening {
  if (!(eps >= 0)) throw new RangeError(`Whitening takes an eps of 0 or more, not ${eps}.`);
  const { mean, eigen } = covarianceEigen(samples);
  const n = samples.features;
  const { values, vectors } = eigen;
  // rounding may leave a direction without variance slightly below 0
  const scale = values.map((value) => (value + eps > 0 ? 1 / Math.sqrt(Math.max(0, value) + eps) : 0));
  const scaled = vectors.map((each, at) => each * scale[Math.floor(at / n)]!);
  if (kind === 'pca') return { mean, eigenvalues: values, matrix: scaled };
  const matrix = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const row = vectors.subarray(k * n, (k + 1) * n);
    const other = scaled.subarray(k * n, (k + 1) * n);
    for (let i = 0; i < n; i++) {
      const factor = row[i]!;
      for (let j = 0; j < n; j++) matrix[i * n + j]! += factor * other[j]!;
    }
  }
  return { mean, eigenvalues: values, matrix };
}

/** y = (x - mean) W' of every sample: [N, D]. The samples need not be those that the map was fitted to. */
export function applyWhitening({ mean, matrix }: Whitening, samples: Samples): Float64Array {
  const { values, features } = samples;
  const count = sampleCount(samples);
  if (mean.length !== features) {
    throw new RangeError(`Samples of ${features} features do not fit a whitening of ${mean.length}.`);
  }
  const y = new Float64Array(count * features);
  const centered = new Float64Array(features);
  for (let i = 0; i < count; i++) {
    const at = i * features;
    for (let j = 0; j < features; j++) centered[j] = values[at + j]! - mean[j]!;
    for (let k = 0; k < features; k++) {
      let sum = 0;
      for (let j = 0; j < features; j++) sum += matrix[k * features + j]! * centered[j]!;
      y[at + k] = sum;
    }
  }
  return y;
}
