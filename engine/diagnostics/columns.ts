/** A matrix of samples by rows: values [N, D]. */
export interface Samples {
  readonly values: ArrayLike<number>;
  readonly features: number;
}

/** How many samples there are. Throws RangeError when the values are no whole number of rows, or there is none. */
export function sampleCount({ values, features }: Samples): number {
  const count = values.length / features;
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`${values.length} values are not one or more samples of ${features} features each.`);
  }
  return count;
}

/** The mean of each feature [D]. */
export function columnMeans(samples: Samples): Float64Array {
  const { values, features } = samples;
  const count = sampleCount(samples);
  const means = new Float64Array(features);
  for (let i = 0, at = 0; i < count; i++) for (let j = 0; j < features; j++, at++) means[j]! += values[at]!;
  return means.map((sum) => sum / count);
}

/** The variance of each feature [D], which divides by N; exactly 0 for a feature that does not vary. */
export function columnVariances(samples: Samples, means = columnMeans(samples)): Float64Array {
  const { values, features } = samples;
  const count = sampleCount(samples);
  const squares = new Float64Array(features);
  const varies = new Uint8Array(features);
  for (let i = 0, at = 0; i < count; i++) {
    for (let j = 0; j < features; j++, at++) {
      const off = values[at]! - means[j]!;
      squares[j]! += off * off;
      if (values[at] !== values[j]) varies[j] = 1;
    }
  }
  // a rounded mean would leave a feature that is the same everywhere a variance of about 1e-33
  return squares.map((sum, j) => (varies[j] === 1 ? sum / count : 0));
}
