import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resizeModes, resizeTaps, transposeTaps, type Taps } from '../../../engine/ops/resample.ts';

const extent = fc.integer({ min: 1, max: 40 });
const rounded = (taps: readonly Taps[]): (readonly [number, readonly number[]])[] =>
  taps.map(({ first, weights }) => [first, weights.map((weight) => Math.round(weight * 1e6) / 1e6)]);

describe('taps of a resize', () => {
  it('are those one would write by hand', () => {
    expect(rounded(resizeTaps('nearest', 5, 3))).toEqual([
      [0, [1]],
      [1, [1]],
      [3, [1]],
    ]);
    expect(rounded(resizeTaps('bilinear', 2, 4))).toEqual([
      [0, [1, 0]],
      [0, [0.75, 0.25]],
      [0, [0.25, 0.75]],
      [1, [1]],
    ]);
    // Halving: a triangle four pixels wide, cut off and scaled up again at the edges.
    expect(rounded(resizeTaps('bilinearAntialias', 4, 2))).toEqual([
      [0, [0.428571, 0.428571, 0.142857]],
      [1, [0.142857, 0.428571, 0.428571]],
    ]);
    expect(rounded(resizeTaps('area', 5, 2))).toEqual([
      [0, [0.333333, 0.333333, 0.333333]],
      [2, [0.333333, 0.333333, 0.333333]],
    ]);
  });

  it('takes the pixel that whole numbers give, where a rounded quotient would fall short', () => {
    // i * (size / out) in floating point falls short of a whole number for these.
    for (const [size, out] of [
      [45, 33],
      [30, 22],
      [52, 46],
    ] as const) {
      const firsts = resizeTaps('nearest', size, out).map(({ first }) => first);
      expect(firsts).toEqual(Array.from({ length: out }, (_, i) => Number((BigInt(i) * BigInt(size)) / BigInt(out))));
    }
  });

  it.each(resizeModes)('%s: stay inside, sum to 1, move to the right, and change nothing at the same size', (mode) => {
    fc.assert(
      fc.property(extent, extent, (size, out) => {
        const taps = resizeTaps(mode, size, out);
        expect(taps).toHaveLength(out);
        taps.forEach(({ first, weights }, i) => {
          expect(first).toBeGreaterThanOrEqual(i === 0 ? 0 : taps[i - 1]!.first);
          expect(first + weights.length).toBeLessThanOrEqual(size);
          expect(weights.every((weight) => weight >= 0)).toBe(true);
          expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
        });
        resizeTaps(mode, size, size).forEach(({ first, weights }, i) => {
          expect(weights[i - first]).toBe(1);
        });
      }),
    );
  });

  it.each(resizeModes)('%s: seen from the other side hold the same weights', (mode) => {
    fc.assert(
      fc.property(extent, extent, (size, out) => {
        const dense = (taps: readonly Taps[], columns: number): number[][] =>
          taps.map(({ first, weights }) => Array.from({ length: columns }, (_, j) => weights[j - first] ?? 0));
        const taps = resizeTaps(mode, size, out);
        const forward = dense(taps, size);
        const back = dense(transposeTaps(taps, size), out);
        expect(back).toEqual(Array.from({ length: size }, (_, j) => forward.map((row) => row[j]!)));
      }),
    );
  });
});
