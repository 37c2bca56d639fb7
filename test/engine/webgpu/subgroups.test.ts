import { describe, expect, it } from 'vitest';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { isLinear, subgroupSizeOf } from '../../../engine/webgpu/subgroups.ts';
import { sumAll } from '../../../engine/webgpu/wgsl.ts';
import { buildTrials, firstDifference, runPlan, worstRatio } from '../cpu/trial.ts';
import { trials as all } from '../cpu/trials.ts';
import { gpuBackend, missingGpu } from './device.ts';

const summing = all.filter(
  ({ op, name }) =>
    /^(batchNorm|batchNormGrad|clipGradientNorm|groupNorm|layerNormGrad|softmaxCrossEntropy|compare|summarise|linearGradWeight)$/.test(
      op,
    ) && name !== 'summarise denormal',
);
const trials = summing.filter((_, i) => i % 2 === 0);

describe('sums through subgroups', () => {
  it('are those of the reference, repeat bit for bit, and take the place of most barriers', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const backend = gpuBackend({ subgroups: true });
    const size = await subgroupSizeOf(await backend.device());
    skip(size === 0, 'this adapter has no subgroups of one size in order');
    const { plan, given } = buildTrials(trials);
    const wanted = await runPlan(referenceBackend, plan, given);
    const got = await runPlan(backend, plan, given);
    const worst = worstRatio(got, wanted, 4e-5, 2e-5);
    expect(worst.ratio, worst.where).toBeLessThanOrEqual(1);
    expect(firstDifference(got, await runPlan(backend, plan, given))).toBeNull();
    const barriers = (subgroup: number): number =>
      sumAll({ rowThreads: 256, subgroup }).split('workgroupBarrier').length - 1;
    // one of those without subgroups stands in a loop of eight turns
    expect([barriers(32), barriers(0)]).toEqual([2, 3]);
  }, 120_000);

  it('are not used by a software adapter of itself, nor where its invocations lie in another order', async ({
    skip,
  }) => {
    const inOrder = Uint32Array.from({ length: 3 * 64 }, (_, i) => {
      const lid = Math.floor(i / 3);
      return [8, lid % 8, lid - (lid % 8)][i % 3]!;
    });
    expect(isLinear(inOrder, 8)).toBe(true);
    expect(isLinear(inOrder, 16)).toBe(false);
    const turned = inOrder.slice();
    [turned[1], turned[4]] = [turned[4]!, turned[1]!];
    expect(isLinear(turned, 8)).toBe(false);
    skip(missingGpu !== undefined, missingGpu);
    const { plan, given } = buildTrials(summing.slice(0, 2));
    const backend = gpuBackend();
    const off = gpuBackend({ tuning: { subgroup: 0 } });
    skip(!(await backend.device()).adapter.isSoftware, 'the adapter is a real one');
    expect(firstDifference(await runPlan(backend, plan, given), await runPlan(off, plan, given))).toBeNull();
  }, 60_000);
});
