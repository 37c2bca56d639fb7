import type { Series } from '../contract/records.ts';

/**
 * A curve in about `maxPoints` points: the steps are cut into equal buckets, and the first, last, lowest and highest point
 * of each is kept, so that no peak is lost. A curve that is short enough comes back whole.
 */
export function thinSeries(series: Series, maxPoints: number): Series {
  const { name, steps, values, seconds } = series;
  const n = steps.length;
  if (n <= maxPoints) return series;
  const buckets = Math.max(1, Math.floor(maxPoints / 4));
  const keep: number[] = [];
  for (let bucket = 0; bucket < buckets; bucket++) {
    const from = Math.floor((bucket * n) / buckets);
    const to = Math.floor(((bucket + 1) * n) / buckets);
    let low = from;
    let high = from;
    let gap = -1;
    for (let i = from; i < to; i++) {
      const value = values[i] ?? null;
      if (value === null) {
        gap = i;
        continue;
      }
      if (value < (values[low] ?? Infinity)) low = i;
      if (value > (values[high] ?? -Infinity)) high = i;
    }
    const chosen = new Set([from, low, high, to - 1]);
    // a value that is not finite is news, too
    if (gap >= 0) chosen.add(gap);
    keep.push(...[...chosen].sort((a, b) => a - b));
  }
  const last = n - 1;
  if (keep.at(-1) !== last) keep.push(last);
  return {
    name,
    steps: keep.map((i) => steps[i]!),
    values: keep.map((i) => values[i] ?? null),
    seconds: keep.map((i) => seconds[i]!),
  };
}
