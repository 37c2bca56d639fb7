import { columnMeans, sampleCount, type Samples } from './columns.ts';
import { symmetricEigen, type SymmetricEigen } from './symmetricEigen.ts';

export interface Covariance {
  readonly mean: Float64Array;
  /** [D, D]; divides by N. */
  readonly covariance: Float64Array;
  /** Descending. */
  readonly eigenvalues: Float64Array;
  /** Largest over smallest eigenvalue; Infinity where the smallest is not above 0. */
  readonly conditionNumber: number;
  /** exp of the entropy of the eigenvalues' shares (Roy and Vetterli 2007): how many directions carry the variance. */
  readonly effectiveRank: number;
  /** (sum of eigenvalues)² / sum of their squares. */
  readonly participationRatio: number;
}

/** How the features of x [N, D] vary together. */
export function covariance(samples: Samples): Covariance {
  const { mean, covariance: matrix, eigen } = covarianceEigen(samples);
  const { values } = eigen;
  const sum = values.reduce((total, each) => total + each, 0);
  const squares = values.reduce((total, each) => total + each * each, 0);
  const entropy = values.reduce((total, each) => (each > 0 ? total - (each / sum) * Math.log(each / sum) : total), 0);
  const smallest = values.at(-1)!;
  return {
    mean,
    covariance: matrix,
    eigenvalues: values,
    conditionNumber: smallest > 0 ? values[0]! / smallest : Infinity,
    effectiveRank: Math.exp(entropy),
    participationRatio: (sum * sum) / squares,
  };
}

/** Covariance matrix with its eigenvalues and eigenvectors. */
export function covarianceEigen(samples: Samples): {
  readonly mean: Float64Array;
  readonly covariance: Float64Array;
  readonly eigen: SymmetricEigen;
} {
  const mean = columnMeans(samples);
  const matrix = covarianceMatrix(samples, mean);
  return { mean, covariance: matrix, eigen: symmetricEigen(matrix, samples.features) };
}

/** Rows that are added at once: one pass over the matrix for all of them. */
const blockRows = 4;

function covarianceMatrix(samples: Samples, mean: Float64Array): Float64Array {
  const { values, features } = samples;
  const count = sampleCount(samples);
  const matrix = new Float64Array(features * features);
  const rows = Array.from({ length: blockRows }, () => new Float64Array(features));
  const [a, b, c, d] = rows as [Float64Array, Float64Array, Float64Array, Float64Array];
  for (let first = 0; first < count; first += blockRows) {
    rows.forEach((row, r) => {
      const at = (first + r) * features;
      for (let j = 0; j < features; j++) row[j] = first + r < count ? values[at + j]! - mean[j]! : 0;
    });
    for (let i = 0; i < features; i++) {
      const ai = a[i]!;
      const bi = b[i]!;
      const ci = c[i]!;
      const di = d[i]!;
      const at = i * features;
      for (let j = i; j < features; j++) matrix[at + j]! += ai * a[j]! + bi * b[j]! + (ci * c[j]! + di * d[j]!);
    }
  }
  for (let i = 0; i < features; i++) {
    for (let j = i; j < features; j++) {
      const value = matrix[i * features + j]! / count;
      matrix[i * features + j] = value;
      matrix[j * features + i] = value;
    }
  }
  return matrix;
}
