/**
 * Percentiles (0 to 100) of `x`, interpolated linearly at position (n - 1) p / 100 of the sorted values. NaN for no values, and
 * where a value is NaN.
 */
export function percentiles(x: ArrayLike<number>, at: readonly number[]): number[] {
  const sorted = Float64Array.from(x).sort();
  const last = sorted.length - 1;
  // sorting puts NaN last
  if (last < 0 || Number.isNaN(sorted[last]!)) return at.map(() => Number.NaN);
  return at.map((p) => {
    const position = (last * p) / 100;
    const below = Math.min(last, Math.max(0, Math.floor(position)));
    const low = sorted[below]!;
    const high = sorted[Math.min(last, below + 1)]!;
    return low === high ? low : low + (high - low) * (position - below);
  });
}
