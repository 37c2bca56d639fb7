import { describe, expect, it } from 'vitest';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { train } from '../train/drive.ts';
import { cnn, curve, smallJob } from '../train/jobs.ts';
import { buildTrials, runPlan, t, worstRatio, type Trial } from '../cpu/trial.ts';
import { gpuBackend, missingGpu } from './device.ts';

const attrs = (...pads: number[]): object => ({ stride: [1, 1], pads, dilation: [1, 1], groups: 1 });
/** Images that tiles of 2 and of 4 pixels fill and do not fill, with and without padding, padded on one side only. */
const shapes = [
  { name: 'same 8x8', n: 2, c: 5, o: 6, h: 8, w: 8, pads: [1, 1, 1, 1] },
  { name: 'valid 7x9', n: 3, c: 4, o: 3, h: 7, w: 9, pads: [0, 0, 0, 0] },
  { name: 'full 3x5', n: 1, c: 3, o: 4, h: 3, w: 5, pads: [2, 2, 2, 2] },
  { name: 'uneven 6x5', n: 2, c: 3, o: 5, h: 6, w: 5, pads: [1, 0, 0, 2] },
];
const trials = shapes.flatMap(({ name, n, c, o, h, w, pads }): Trial[] => {
  const out = [h + pads[0]! + pads[2]! - 2, w + pads[1]! + pads[3]! - 2];
  return [
    {
      ...{ name: `conv2d ${name}`, op: 'conv2d' as const, attrs: attrs(...pads) },
      inputs: { x: t(n, c, h, w), weight: t(o, c, 3, 3), bias: t(o) },
      outputs: { y: t(n, o, ...out) },
    },
    {
      ...{ name: `conv2dGradInput ${name}`, op: 'conv2dGradInput' as const, attrs: attrs(...pads) },
      inputs: { dy: t(n, o, ...out), weight: t(o, c, 3, 3) },
      outputs: { dx: t(n, c, h, w) },
    },
  ];
});

describe("convolutions by Winograd's transforms", () => {
  // F(2x2) rounds as the direct product does; F(4x4) loses about four times that in its transforms (docs/precision.md)
  it.each([
    { winograd: 2, wider: 1 },
    { winograd: 4, wider: 4 },
  ] as const)(
    'in tiles of $winograd are those of the reference',
    async ({ winograd, wider }) => {
      if (missingGpu !== undefined) return;
      const { plan, given } = buildTrials(trials);
      const wanted = await runPlan(referenceBackend, plan, given);
      for (const shared of [false, true]) {
        const got = await runPlan(gpuBackend({ tuning: { winograd, shared } }), plan, given);
        const worst = worstRatio(got, wanted, 4e-5 * wider, 2e-5 * wider);
        expect(worst.ratio, worst.where).toBeLessThanOrEqual(1);
        expect(worst.ratio).toBeGreaterThan(0);
      }
    },
    120_000,
  );

  it('train a network as the direct ones do', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const job = smallJob({ graph: cnn, length: { steps: 8 } });
    const direct = curve((await train(job, gpuBackend())).events, 'loss');
    const transformed = curve((await train(job, gpuBackend({ tuning: { winograd: 4 } }))).events, 'loss');
    expect(transformed).not.toEqual(direct);
    transformed.forEach((loss, step) => expect(Math.abs(loss - direct[step]!)).toBeLessThan(2e-4));
  }, 90_000);
});
