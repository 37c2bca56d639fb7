/**
 * Expected calibration error (Guo et al. 2017): samples are sorted by confidence into bins (b / bins, (b + 1) / bins]; the mean
 * distance between a bin's accuracy and its mean confidence, weighted by samples. NaN for no samples.
 */
export function calibrationError(confidence: ArrayLike<number>, correct: ArrayLike<boolean>, bins: number): number {
  const hits = new Float64Array(bins);
  const sums = new Float64Array(bins);
  for (let i = 0; i < confidence.length; i++) {
    const bin = Math.min(bins - 1, Math.max(0, Math.ceil(confidence[i]! * bins) - 1));
    sums[bin]! += confidence[i]!;
    if (correct[i]) hits[bin]!++;
  }
  // n_b / n * |hits_b / n_b - sum_b / n_b|
  return hits.reduce((total, count, bin) => total + Math.abs(count - sums[bin]!), 0) / confidence.length;
}
