import { columnMeans, columnVariances, sampleCount, type Samples } from './columns.ts';

export interface Standardized {
  readonly mean: Float64Array;
  /** Divides by N; 0 for a feature that does not vary. */
  readonly std: Float64Array;
  /** [N, D]: (x - mean) / std; 0 for a feature that does not vary. */
  readonly y: Float64Array;
}

/** Shifts and scales every feature of x [N, D] to mean 0 and standard deviation 1. */
export function standardize(samples: Samples): Standardized {
  const { values, features } = samples;
  const means = columnMeans(samples);
  const variances = columnVariances(samples, means);
  // the mean of equal values may be rounded; the value itself is the mean
  const mean = means.map((each, j) => (variances[j] === 0 ? values[j]! : each));
  const std = variances.map(Math.sqrt);
  const y = new Float64Array(sampleCount(samples) * features);
  for (let at = 0; at < y.length; at++) {
    const j = at % features;
    y[at] = std[j] === 0 ? 0 : (values[at]! - mean[j]!) / std[j]!;
  }
  return { mean, std, y };
}
