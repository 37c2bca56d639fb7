/** Curve points as charts hold them: x, y, x, y ... in one typed array, x ascending, NaN where a value is missing. */
export type Points = Float64Array;

export const pointCount = (points: Points): number => points.length / 2;

/** Interleaves parallel arrays. */
export function interleave(xs: ArrayLike<number>, ys: ArrayLike<number | null>): Points {
  const points = new Float64Array(xs.length * 2);
  for (let i = 0; i < xs.length; i++) {
    points[2 * i] = xs[i]!;
    points[2 * i + 1] = ys[i] ?? Number.NaN;
  }
  return points;
}

/** Index of the first point whose x is at least `x`. */
export function lowerBound(points: Points, x: number): number {
  let low = 0;
  let high = pointCount(points);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[2 * middle]! < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The part between `from` and `to`, with one neighbour on each side so that lines run out of the picture. */
export function visible(points: Points, from: number, to: number): Points {
  const first = Math.max(0, lowerBound(points, from) - 1);
  const last = Math.min(pointCount(points), lowerBound(points, to) + 1);
  return points.subarray(2 * first, 2 * last);
}

/** The finite point nearest to `x`; null outside the curve or without any. */
export function nearest(points: Points, x: number, slack = 0): { x: number; y: number } | null {
  const n = pointCount(points);
  if (n === 0) return null;
  if (x < points[0]! - slack || x > points[2 * (n - 1)]! + slack) return null;
  const at = lowerBound(points, x);
  let best: { x: number; y: number } | null = null;
  for (const i of [at - 1, at]) {
    if (i < 0 || i >= n || !Number.isFinite(points[2 * i + 1])) continue;
    const candidate = { x: points[2 * i]!, y: points[2 * i + 1]! };
    if (!best || Math.abs(candidate.x - x) < Math.abs(best.x - x)) best = candidate;
  }
  return best;
}

/** The last finite point. */
export function lastPoint(points: Points): { x: number; y: number } | null {
  for (let i = pointCount(points) - 1; i >= 0; i--) {
    if (Number.isFinite(points[2 * i + 1])) return { x: points[2 * i]!, y: points[2 * i + 1]! };
  }
  return null;
}

/** Lowest and highest finite y; null without any. `positive` passes over what a logarithm cannot show. */
export function extentY(points: Points, positive = false): [number, number] | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 1; i < points.length; i += 2) {
    const y = points[i]!;
    if (!Number.isFinite(y) || (positive && y <= 0)) continue;
    if (y < low) low = y;
    if (y > high) high = y;
  }
  return low <= high ? [low, high] : null;
}

/**
 * Exponential moving average with `weight` on the past (0: as it is), free of the bias towards zero at its start
 * (the correction of Adam, Kingma and Ba 2015).
 */
export function smooth(points: Points, weight: number): Points {
  if (weight <= 0) return points;
  const out = new Float64Array(points.length);
  let average = 0;
  let mass = 0;
  for (let i = 0; i < points.length; i += 2) {
    out[i] = points[i]!;
    const y = points[i + 1]!;
    if (!Number.isFinite(y)) {
      out[i + 1] = Number.NaN;
      continue;
    }
    average = weight * average + (1 - weight) * y;
    mass = weight * mass + (1 - weight);
    out[i + 1] = average / mass;
  }
  return out;
}

/**
 * At most about `most` points that draw the same picture: of each stretch of equal width the first, lowest, highest and last
 * stay, so spikes and gaps do too. Charts get no more than the screen can show, however long a run is.
 */
export function thin(points: Points, most: number): Points {
  const n = pointCount(points);
  if (n <= most) return points;
  const buckets = Math.max(1, Math.floor(most / 4));
  const start = points[0]!;
  const width = (points[2 * (n - 1)]! - start) / buckets || 1;
  const out = new Float64Array(8 * (buckets + 1));
  let length = 0;
  const put = (i: number): void => {
    out[length++] = points[2 * i]!;
    out[length++] = points[2 * i + 1]!;
  };
  for (let i = 0; i < n;) {
    const bucket = Math.floor((points[2 * i]! - start) / width);
    let low = i;
    let high = i;
    let last = i;
    for (let k = i + 1; k < n && Math.floor((points[2 * k]! - start) / width) === bucket; k++) {
      const y = points[2 * k + 1]!;
      // a gap at the beginning must not hide the values behind it
      if (y < points[2 * low + 1]! || Number.isNaN(points[2 * low + 1])) low = k;
      if (y > points[2 * high + 1]! || Number.isNaN(points[2 * high + 1])) high = k;
      last = k;
    }
    let before = -1;
    for (const at of [i, Math.min(low, high), Math.max(low, high), last]) {
      if (at !== before) put(at);
      before = at;
    }
    i = last + 1;
  }
  return out.subarray(0, length);
}
