/**
 * Ways to bring an image to another size. area is adaptive average pooling; bilinearAntialias widens the kernel when it
 * shrinks, so that every pixel counts.
 */
export const resizeModes = ['nearest', 'bilinear', 'bilinearAntialias', 'area'] as const;
export type ResizeMode = (typeof resizeModes)[number];

/** What one position of an axis is made of: pixels first, first + 1, ... of the other side, each times its weight. */
export interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

type TapsAt = (position: number, size: number, out: number) => Taps;

/** Pixel centres are half a pixel off the edges ("align_corners" off). Exact in whole numbers where a floor decides. */
const tapsAt: Readonly<Record<ResizeMode, TapsAt>> = {
  nearest: (i, size, out) => ({ first: Math.min(Math.floor((i * size) / out), size - 1), weights: [1] }),
  bilinear(i, size, out) {
    const position = Math.max((i + 0.5) * (size / out) - 0.5, 0);
    const first = Math.min(Math.floor(position), size - 1);
    const share = position - first;
    return first === size - 1 ? { first, weights: [1] } : { first, weights: [1 - share, share] };
  },
  bilinearAntialias(i, size, out) {
    const scale = size / out;
    const centre = (i + 0.5) * scale;
    const support = Math.max(scale, 1);
    const first = Math.max(Math.floor(centre - support + 0.5), 0);
    const end = Math.min(Math.floor(centre + support + 0.5), size);
    const weights = Array.from({ length: end - first }, (_, k) =>
      Math.max(0, 1 - Math.abs((first + k - centre + 0.5) / support)),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  },
  area(i, size, out) {
    const first = Math.floor((i * size) / out);
    const count = Math.ceil(((i + 1) * size) / out) - first;
    return { first, weights: Array.from({ length: count }, () => 1 / count) };
  },
};

/** The taps of each of `out` positions of an axis that is `size` long before. */
export function resizeTaps(mode: ResizeMode, size: number, out: number): readonly Taps[] {
  return Array.from({ length: out }, (_, i) => tapsAt[mode](i, size, out));
}

/**
 * The same weights seen from the other side: for each of `size` pixels the positions that it has a part in, which are
 * neighbours, since taps move to the right only. This is how a gradient comes back. A pixel without a part has no weights.
 */
export function transposeTaps(taps: readonly Taps[], size: number): readonly Taps[] {
  return Array.from({ length: size }, (_, pixel) => {
    const touches = ({ first, weights }: Taps): boolean => first <= pixel && pixel < first + weights.length;
    const first = Math.max(taps.findIndex(touches), 0);
    const weights: number[] = [];
    for (let i = first; i < taps.length && touches(taps[i]!); i++)
      weights.push(taps[i]!.weights[pixel - taps[i]!.first]!);
    return { first, weights };
  });
}
