/** The value at `fraction` (0 to 1) of sorted values, interpolated linearly at (n - 1) fraction. NaN for none. */
export function percentile(sorted: readonly number[], fraction: number): number {
  const at = (sorted.length - 1) * fraction;
  const below = Math.floor(at);
  const low = sorted[below];
  if (low === undefined) return Number.NaN;
  const high = sorted[below + 1] ?? low;
  return low + (high - low) * (at - below);
}
