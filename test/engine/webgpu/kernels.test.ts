import { describe, expect, it } from 'vitest';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { kernels } from '../../../engine/webgpu/kernels/index.ts';
import type { WebGpuOptions } from '../../../engine/webgpu/index.ts';
import { buildTrials, firstDifference, runPlan, worstRatio } from '../cpu/trial.ts';
import { trials as all } from '../cpu/trials.ts';
import { gpuBackend, missingGpu } from './device.ts';

/** Float32 sums in another order than the reference's float64 ones. */
const absolute = 4e-5;
const relative = 2e-5;

/** A device may take numbers below 1e-38 for 0 (WGSL 14.6); then their extremes, bins and deviation are those of zeros. */
const trials = all.filter(({ name }) => name !== 'summarise denormal');

/** As for a device with many lanes: large tiles, blocks of 4 x 4 results, sums split into many parts. */
const wide: WebGpuOptions = { tuning: { busyGroups: 96, rowThreads: 256, shared: true, tile: 64, own: 4, depth: 16 } };

describe('WGSL kernels against the reference backend', () => {
  it('cover every op but those tested with their forward op', () => {
    const tried = new Set<string>(trials.map((trial) => trial.op));
    expect(Object.keys(kernels).filter((op) => !tried.has(op))).toEqual(['maxPool2dGrad']);
  });

  it('agree within rounding, every op in every trial', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const { plan, given } = buildTrials(trials);
    const wanted = await runPlan(referenceBackend, plan, given);
    const got = await runPlan(gpuBackend(), plan, given);
    const worst = worstRatio(got, wanted, absolute, relative);
    expect(worst.ratio, worst.where).toBeLessThanOrEqual(1);
  }, 120_000);

  it('give the same bits when they run again', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const { plan, given } = buildTrials(
      trials.filter(({ op }) => /^(linearGradWeight|batchNorm|clipGradientNorm)$/.test(op)),
    );
    const backend = gpuBackend();
    expect(firstDifference(await runPlan(backend, plan, given), await runPlan(backend, plan, given))).toBeNull();
  }, 60_000);

  it('agree with the choices for a large GPU', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const chosen = trials.filter(({ op }) => /^(linear|linearGradWeight|conv2d|conv2dGradWeight|batchNorm)$/.test(op));
    const { plan, given } = buildTrials(chosen.filter((_, i) => i % 3 === 0));
    const wanted = await runPlan(referenceBackend, plan, given);
    const got = await runPlan(gpuBackend(wide), plan, given);
    const worst = worstRatio(got, wanted, absolute, relative);
    expect(worst.ratio, worst.where).toBeLessThanOrEqual(1);
  }, 120_000);
});
