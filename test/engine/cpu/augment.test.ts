import { describe, expect, it } from 'vitest';
import { cpuBackend, tunedCpuBackend } from '../../../engine/cpu/index.ts';
import { Augmentation, type AugmentationSettings } from '../../../engine/data/augment.ts';
import { augmentationSize, augmentationSlot as slot } from '../../../engine/ops/op.ts';
import { spawnHelper } from '../../../engine/host/spawn.node.ts';
import { buildTrials, given, noise, positive, runPlan, t, type Trial } from './trial.ts';

const round = Math.fround;
type Shape = readonly [count: number, channels: number, height: number, width: number];

/** The op pixel by pixel, every operation rounded to float32 in the order that the results of old runs depend on. */
function slowly(
  pixels: Uint8Array,
  [, channels, height, width]: Shape,
  indices: readonly number[],
  changes: Float32Array,
  offset: Float32Array,
  scale: Float32Array,
): Float32Array {
  const plane = height * width;
  const image = channels * plane;
  const x = new Float32Array(indices.length * image);
  const between = (a: number, b: number, part: number): number => round(a + round(part * round(b - a)));
  indices.forEach((index, n) => {
    const of = (name: keyof typeof slot): number => changes[n * augmentationSize + slot[name]]!;
    for (let i = 0; i < image; i++) {
      const h = Math.floor((i % plane) / width);
      const w = i % width;
      const isCut = h >= of('top') && h < of('bottom') && w >= of('left') && w < of('right');
      if (index < 0 || isCut) continue;
      const start = (index * channels + Math.floor(i / plane)) * plane;
      const pixel = (row: number, column: number): number =>
        row < 0 || row >= height || column < 0 || column >= width ? 0 : pixels[start + row * width + column]!;
      const place = (perRow: number, perColumn: number, first: number): number =>
        round(round(round(perRow * h) + first) + round(perColumn * w));
      const [y, xx] = [place(of('yy'), of('yx'), of('y0')), place(of('xy'), of('xx'), of('x0'))];
      const [row, column] = [Math.floor(y), Math.floor(xx)];
      const [down, right] = [round(y - row), round(xx - column)];
      const upper = between(pixel(row, column), pixel(row, column + 1), right);
      const lower = between(pixel(row + 1, column), pixel(row + 1, column + 1), right);
      const seen = round(round(between(upper, lower, down) * of('gain')) + of('bias'));
      const value = Math.min(Math.max(seen, 0), 255);
      const centred = round(value - offset[offset.length === 1 ? 0 : i]!);
      x[n * image + i] = round(centred * scale[scale.length === 1 ? 0 : i]!);
    }
  });
  return x;
}

const nothing: AugmentationSettings = {
  ...{ shift: 0, flip: 0, rotation: 0, scale: 0, brightness: 0, contrast: 0, cutout: 0 },
};
const settings: Readonly<Record<string, AugmentationSettings>> = {
  nothing,
  'small shifts': { ...nothing, shift: 2 },
  'shift and flip': { ...nothing, shift: 4, flip: 0.5 },
  'shifts beyond the image': { ...nothing, shift: 60, flip: 0.5 },
  'shift, colour and cutout': { ...nothing, shift: 3, flip: 0.5, brightness: 0.4, contrast: 0.7, cutout: 0.5 },
  'turned a little': { ...nothing, rotation: 7 },
  'turned, grown, moved': { ...nothing, rotation: 180, scale: 0.4, shift: 5, flip: 0.5 },
  'far out of the image': { ...nothing, rotation: 90, scale: 4, shift: 1024 },
  everything: { ...{ shift: 2, flip: 0.5, rotation: 15, scale: 0.2, brightness: 0.2, contrast: 0.3, cutout: 0.4 } },
};
const sizes: readonly Shape[] = [
  [9, 1, 28, 28],
  [5, 3, 32, 32],
  [4, 3, 9, 14],
  [4, 1, 7, 5],
  [4, 2, 6, 4],
  [4, 1, 5, 3],
  [4, 5, 4, 2],
  [4, 1, 6, 1],
  [4, 1, 1, 11],
  [4, 1, 1, 1],
  [4, 4, 3, 7],
];
const batch = 24;

interface Case {
  readonly name: string;
  readonly changes: Float32Array;
  readonly perFeature: boolean;
}

const indicesOf = ([count]: Shape): number[] => Array.from({ length: batch }, (_, n) => (n === 5 ? -1 : n % count));

/** Random images, all in use; the first and the last one too, whose neighbours are other tensors. */
function trialOf(shape: Shape, { name, changes, perFeature }: Case): Trial {
  const [, ...image] = shape;
  const features = image.reduce((product, extent) => product * extent, 1);
  const bytes = noise(5);
  return {
    name,
    op: 'augmentImages',
    attrs: {},
    inputs: {
      pixels: { shape, dtype: 'u8', values: (i) => Math.floor(128 * (bytes(i) + 1)) },
      indices: given(indicesOf(shape), 'i32'),
      augmentation: { shape: [batch, augmentationSize], values: (i) => changes[i]! },
      offset: perFeature ? t(features) : given([33.3]),
      scale: perFeature ? positive(features) : given([1 / 255]),
    },
    outputs: { x: t(batch, ...image) },
  };
}

/** Where the kernel's bits are not those of the slow form: `case, at`. */
async function differences(shape: Shape, cases: readonly Case[], threads: number): Promise<string[]> {
  const built = buildTrials(cases.map((one) => trialOf(shape, one)));
  const backend = threads === 1 ? cpuBackend : tunedCpuBackend({ worthSharing: 0 });
  const results = await runPlan(backend, built.plan, built.given, { threads, spawn: spawnHelper });
  return cases.flatMap(({ name, changes }) => {
    const at = (slotName: string): Float32Array => results.get(`${name}: ${slotName}`) as Float32Array;
    const pixels = results.get(`${name}: pixels`) as Uint8Array;
    const wanted = new Int32Array(slowly(pixels, shape, indicesOf(shape), changes, at('offset'), at('scale')).buffer);
    const different = new Int32Array(at('x').buffer).findIndex((bits, i) => bits !== wanted[i]);
    return different < 0 ? [] : [`${name}, ${different}`];
  });
}

const images = Int32Array.from({ length: batch }, (_, n) => n);

function drawnCases([, ...image]: Shape): Case[] {
  return Object.entries(settings).flatMap(([name, set]) =>
    [1, 0.37].map((strength): Case => {
      const drawn = new Augmentation(set, strength, image, 2 ** 40 + 1, batch);
      drawn.fill({ epochOf: () => 2 }, 0, images);
      return { name: `${name}, ${strength}`, changes: drawn.values, perFeature: strength !== 1 };
    }),
  );
}

/** Exact moves with one number changed, so that each test of the kernel for a plain move fails for some image. */
function nearlyMoves(): Case {
  const random = noise(11);
  const changes = Float32Array.from({ length: batch * augmentationSize }, (_, i) => {
    const [n, at] = [Math.floor(i / augmentationSize), i % augmentationSize];
    if (at === slot.gain) return 0.5 + Math.abs(random(i));
    if (at > slot.gain) return 9 * random(i);
    const plain = [1, 0, (n % 7) - 3, 0, n % 2 === 0 ? 1 : -1, (n % 5) - 2][at]!;
    if (n % 12 !== at) return plain;
    return [plain + 0.5, random(i), 3e9 * random(i), plain + 1e-7][(n + at + (n < 12 ? 0 : 1)) % 4]!;
  });
  return { name: 'nearly moves', changes, perFeature: true };
}

describe('augmentation, the same bits as pixel by pixel', () => {
  it.each(sizes)('%i images of %i x %i x %i', async (...shape) => {
    expect(await differences(shape, [...drawnCases(shape), nearlyMoves()], 1)).toEqual([]);
  });

  it('with two threads', async () => {
    const shape = [4, 3, 9, 14] as const;
    expect(await differences(shape, [...drawnCases(shape), nearlyMoves()], 2)).toEqual([]);
  });
});
