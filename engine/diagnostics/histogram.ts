export interface Histogram {
  /** The lower edge of the first bin and the upper edge of the last. */
  readonly range: readonly [low: number, high: number];
  /** Values per bin; bins are [low, high), the last one closed. */
  readonly counts: Int32Array;
  /** Values outside of the range. NaN is in neither and in no bin. */
  readonly below: number;
  readonly above: number;
}

/** Counts values in `bins` bins of equal width over a fixed range, so that histograms of several steps can be laid side by side. */
export function histogram(x: ArrayLike<number>, bins: number, range: readonly [low: number, high: number]): Histogram {
  const [low, high] = range;
  if (!Number.isInteger(bins) || bins < 1) throw new RangeError(`A histogram has a whole number of bins, not ${bins}.`);
  if (!(low < high) || !Number.isFinite(high - low)) {
    throw new RangeError(`A histogram's range goes from a lower number to a higher one, not from ${low} to ${high}.`);
  }
  const width = (high - low) / bins;
  const edge = (bin: number): number => (bin === bins ? high : low + bin * width);
  const counts = new Int32Array(bins);
  let below = 0;
  let above = 0;
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!;
    if (value < low) below++;
    else if (value > high) above++;
    else if (value === value) {
      let bin = Math.min(bins - 1, Math.floor((value - low) / width));
      // the division may round across an edge; the edges themselves decide
      if (value < edge(bin)) bin--;
      else if (bin < bins - 1 && value >= edge(bin + 1)) bin++;
      counts[bin]!++;
    }
  }
  return { range: [low, high], counts, below, above };
}

/**
 * A histogram whose range is that of the values: from the smallest finite one to the largest. Where they do not differ it is one
 * unit wide around them. Infinite values count as below and above.
 */
export function adaptiveHistogram(x: ArrayLike<number>, bins: number): Histogram {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < x.length; i++) {
    const value = x[i]!;
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return histogram(x, bins, [-0.5, 0.5]);
  const middle = low + (high - low) / 2;
  const reach = Math.max(0.5, Math.abs(middle) * 1e-6);
  return histogram(x, bins, low < high ? [low, high] : [middle - reach, middle + reach]);
}
