import { describe, expect, it } from 'vitest';
import { chooseWinograd } from '../../../engine/cpu/kernels/winograd/choice.ts';
import { taps, transpose, winogradMatrices, type Matrix } from '../../../engine/cpu/kernels/winograd/matrices.ts';
import { blocking, spacing, tileRuns } from '../../../engine/cpu/kernels/winograd/tiling.ts';
import { tunedCpuBackend } from '../../../engine/cpu/index.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { buildTrials, noise, runPlan, t, type Trial } from './trial.ts';

const pointSets = [
  [0, 1, -1],
  [0, 1, -1, 2, -2],
  [0, 5 / 8, -5 / 8, 3 / 2, -3 / 2],
  [0, 1, -1, 1 / 2, -2],
];

function times(matrix: Matrix, values: readonly number[]): number[] {
  return matrix.map((row) => row.reduce((sum, c, k) => sum + c * values[k]!, 0));
}

describe('transforms', () => {
  it.each(pointSets)('of points %d %d %d %d %d give the convolution and its filter gradient', (...points) => {
    const { m, n, inputs, filter, outputs } = winogradMatrices(points.filter((p) => p !== undefined));
    const draw = noise(3);
    const d = Array.from({ length: n }, (_, i) => draw(i));
    const g = Array.from({ length: taps }, (_, i) => draw(i + 100));
    const dy = Array.from({ length: m }, (_, i) => draw(i + 200));
    const v = times(inputs, d);
    const u = times(filter, g);
    const y = times(
      outputs,
      u.map((value, i) => value * v[i]!),
    );
    y.forEach((value, i) => expect(value).toBeCloseTo(d[i]! * g[0]! + d[i + 1]! * g[1]! + d[i + 2]! * g[2]!, 10));
    const z = times(transpose(outputs), dy);
    const dg = times(
      transpose(filter),
      z.map((value, i) => value * v[i]!),
    );
    dg.forEach((value, k) =>
      expect(value).toBeCloseTo(
        dy.reduce((sum, each, i) => sum + each * d[i + k]!, 0),
        10,
      ),
    );
  });
});

describe('tiling', () => {
  it('tells which places of a tile lie inside the image', () => {
    // 28 pixels, padding 1: the first tile begins one pixel outside, the last ends one outside.
    expect(tileRuns(7, 4, 6, 1, 28)).toEqual([
      { first: 0, count: 1, low: 1, high: 6 },
      { first: 1, count: 5, low: 0, high: 6 },
      { first: 6, count: 1, low: 0, high: 5 },
    ]);
    // Tiles that lie in the padding altogether have no places.
    expect(tileRuns(3, 4, 6, 9, 2).map(({ low, high }) => high - low)).toEqual([0, 1, 2]);
  });

  it('cuts the rows of tiles into nearly equal blocks, and keeps matrices off the same cache sets', () => {
    expect(blocking(7, 7, 36 * 64 * 4)).toEqual({ blocks: [4, 3], most: 28 });
    expect(blocking(1, 500, 1e6)).toEqual({ blocks: [1], most: 500 });
    for (const bytes of [16, 4096, 8192, 4032]) {
      expect(spacing(bytes)).toBeGreaterThanOrEqual(bytes);
      expect(spacing(bytes) % 128).toBe(64);
    }
  });
});

describe('choice', () => {
  const shape = (attrs: object, kernel = 3) => ({
    ...{ rows: 1, channels: 32, height: 28, width: 28, outChannels: 32, outHeight: 28, outWidth: 28 },
    ...{ kernelHeight: kernel, kernelWidth: kernel },
    attrs: { stride: [1, 1], pads: [1, 1, 1, 1], dilation: [1, 1], groups: 1, ...attrs } as const,
  });
  const wish = { channels: 32, outChannels: 32, height: 28, width: 28, gradWeight: false };
  const fast = { precision: 'fast', winogradPoints: undefined } as const;
  const exact = { precision: 'exact', winogradPoints: undefined } as const;

  it('takes the large tile for large images and the direct product for a channel or two', () => {
    expect(chooseWinograd(fast, shape({}), wish)?.m).toBe(4);
    expect(chooseWinograd(fast, shape({}), { ...wish, height: 2, width: 2 })?.m).toBe(2);
    expect(chooseWinograd(fast, shape({}), { ...wish, channels: 1 })).toBeNull();
  });

  it('leaves other kernels, strides, dilations and groups to the direct product', () => {
    expect(chooseWinograd(fast, shape({}, 5), wish)).toBeNull();
    expect(chooseWinograd(fast, shape({ stride: [2, 1] }), wish)).toBeNull();
    expect(chooseWinograd(fast, shape({ dilation: [1, 2] }), wish)).toBeNull();
    expect(chooseWinograd(fast, shape({ groups: 2 }), wish)).toBeNull();
  });

  it('keeps to what rounds no more than the direct product where precision is exact', () => {
    expect(chooseWinograd(exact, shape({}), wish)?.m).toBe(2);
    expect(chooseWinograd(exact, shape({}), { ...wish, gradWeight: true })).toBeNull();
  });
});

describe('rounding', () => {
  const x = t(2, 32, 14, 14);
  const weight = t(32, 32, 3, 3);
  const attrs = { stride: [1, 1], pads: [1, 1, 1, 1], dilation: [1, 1], groups: 1 };
  const trials: Trial[] = [
    { name: 'y', op: 'conv2d', attrs, inputs: { x, weight }, outputs: { y: x } },
    { name: 'dx', op: 'conv2dGradInput', attrs, inputs: { dy: x, weight }, outputs: { dx: x } },
    { name: 'dw', op: 'conv2dGradWeight', attrs, inputs: { x, dy: x }, outputs: { dweight: weight } },
  ];

  async function errors(precision: 'fast' | 'exact'): Promise<Map<string, number>> {
    const { plan, given } = buildTrials(trials);
    const wanted = await runPlan(referenceBackend, plan, given);
    const got = await runPlan(tunedCpuBackend({ precision }), plan, given);
    return new Map(
      ['y: y', 'dx: dx', 'dw: dweight'].map((name) => {
        const reference = wanted.get(name)!;
        let difference = 0;
        let size = 0;
        reference.forEach((value, i) => {
          difference += (got.get(name)![i]! - value) ** 2;
          size += value ** 2;
        });
        return [name, Math.sqrt(difference / size)];
      }),
    );
  }

  it('of fast convolutions is within a few times that of exact ones, and of those at float32 level', async () => {
    const exact = await errors('exact');
    const fast = await errors('fast');
    for (const [name, error] of exact) {
      expect(error, name).toBeLessThan(5e-7);
      expect(fast.get(name), name).toBeGreaterThan(error);
      expect(fast.get(name), name).toBeLessThan(4 * error);
    }
  });
});
