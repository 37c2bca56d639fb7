import { describe, expect, it } from 'vitest';
import { Augmentation, type AugmentationSettings } from '../../../engine/data/augment.ts';
import { augmentSamples } from '../../../engine/data/augmentSamples.ts';
import { augmentImages } from '../../../engine/reference/kernels/augment.ts';

const shape = [6, 2, 11, 9] as const;
const size = 6 * 2 * 11 * 9;
const pixels = Uint8Array.from({ length: size }, (_, i) => (i * 37 + (i >> 3) * 11) % 256);
const none: AugmentationSettings = { shift: 0, flip: 0, rotation: 0, scale: 0, brightness: 0, contrast: 0, cutout: 0 };
const everything: AugmentationSettings = {
  ...{ shift: 2, flip: 0.5, rotation: 15, scale: 0.2 },
  ...{ brightness: 0.2, contrast: 0.3, cutout: 0.3 },
};

/** What the op makes of the images, with offset 0 and scale 1. */
function byTheOp(settings: AugmentationSettings, seed: number, epoch: number): Float32Array {
  const drawn = new Augmentation(settings, 1, [2, 11, 9], seed, 6);
  const indices = Int32Array.of(0, 1, 2, 3, 4, 5);
  drawn.fill({ epochOf: () => epoch }, 0, indices);
  const x = new Float32Array(size);
  const floats = [x, x, drawn.values, Float32Array.of(0), Float32Array.of(1), x];
  augmentImages(
    {
      op: 'augmentImages',
      attrs: {},
      inputs: { pixels: 0, indices: 1, augmentation: 2, offset: 3, scale: 4 },
      outputs: { x: 5 },
      phase: 'data',
    },
    {
      shape: () => [...shape],
      u8: () => pixels,
      i32: () => indices,
      f32: (tensor) => floats[tensor]!,
      scratch: (_, length) => new Float64Array(length),
    },
  );
  return x;
}

describe('pictures of an augmentation', () => {
  it('are what the op gives a run of that seed in that epoch, rounded to bytes', () => {
    const seen = new Set<string>();
    for (const epoch of [0, 1, 5]) {
      const changed = augmentSamples(pixels, shape, everything, 7, epoch);
      byTheOp(everything, 7, epoch).forEach((value, i) => {
        // the op rounds to float32 first, which may carry a half over
        expect(Math.abs(changed[i]! - value)).toBeLessThanOrEqual(0.5001);
      });
      seen.add(changed.join());
    }
    expect(seen.size).toBe(3);
  });

  it('are the images themselves where nothing is changed', () => {
    expect(augmentSamples(pixels, shape, none, 7, 0)).toEqual(pixels);
  });
});
