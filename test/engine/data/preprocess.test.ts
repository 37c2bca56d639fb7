import { describe, expect, it } from 'vitest';
import { fitPreprocessing, isPerFeature } from '../../../engine/data/preprocess.ts';
import { range } from '../../../engine/data/split.ts';
import { RandomStream, streamKind } from '../../../engine/random.ts';

function randomPixels(count: number, limit: number): Uint8Array {
  const stream = new RandomStream(5, streamKind.noise);
  return Uint8Array.from({ length: count }, () => stream.below(limit));
}

describe('fitPreprocessing', () => {
  it('raw and unit are constants', () => {
    const pixels = randomPixels(40, 256);
    expect(fitPreprocessing('raw', pixels, range(10), [1, 2, 2])).toEqual({
      offset: Float32Array.of(0),
      scale: Float32Array.of(1),
    });
    expect(fitPreprocessing('unit', pixels, range(10), [1, 2, 2]).scale[0]).toBe(Math.fround(1 / 255));
  });

  it('standardise gives mean 0 and standard deviation 1 over the images it was fitted on, and looks at no other', () => {
    const pixels = randomPixels(200 * 12, 200);
    const indices = range(150).map((i) => i + 20);
    const { offset, scale } = fitPreprocessing('standardise', pixels, indices, [1, 3, 4]);
    const seen = Array.from(pixels.subarray(20 * 12, 170 * 12), (p) => (p - offset[0]!) * scale[0]!);
    const mean = seen.reduce((a, b) => a + b, 0) / seen.length;
    const variance = seen.reduce((a, b) => a + (b - mean) ** 2, 0) / seen.length;
    expect(mean).toBeCloseTo(0, 5);
    expect(variance).toBeCloseTo(1, 5);
    const changed = pixels.slice();
    changed.fill(255, 0, 20 * 12);
    expect(fitPreprocessing('standardise', changed, indices, [1, 3, 4])).toEqual({ offset, scale });
  });

  it('does not depend on the order of the images', () => {
    const pixels = randomPixels(300, 256);
    const forth = fitPreprocessing('standardise', pixels, range(50), [1, 2, 3]);
    expect(fitPreprocessing('standardise', pixels, range(50).reverse(), [1, 2, 3])).toEqual(forth);
  });

  it('treats each channel of a colour image by itself', () => {
    const pixels = Uint8Array.of(0, 2, 10, 10, 4, 6, 10, 10); // two images, two channels of one row of two pixels
    const { offset, scale } = fitPreprocessing('standardise', pixels, range(2), [2, 1, 2]);
    expect(isPerFeature('standardise', 2)).toBe(true);
    expect([...offset]).toEqual([3, 3, 10, 10]);
    expect(scale[0]).toBeCloseTo(1 / Math.sqrt(5), 6);
    // the second channel is one single value
    expect([...scale.subarray(2)]).toEqual([1, 1]);
  });
});
