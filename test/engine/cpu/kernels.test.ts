import { describe, expect, it } from 'vitest';
import { cpuBackend, tunedCpuBackend, wideCpuBackend } from '../../../engine/cpu/index.ts';
import { kernels } from '../../../engine/cpu/kernels/index.ts';
import { spawnHelper } from '../../../engine/host/spawn.node.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { buildTrials, firstDifference, runPlan, worstRatio } from './trial.ts';
import { trials } from './trials.ts';

/** Float32 sums in another order than the reference's float64 ones. */
const absolute = 4e-5;
const relative = 2e-5;

describe('kernels against the reference backend', () => {
  it('covers every op but those tested with their forward op', () => {
    const tried = new Set<string>(trials.map((trial) => trial.op));
    expect(Object.keys(kernels).filter((op) => !tried.has(op))).toEqual(['maxPool2dGrad']);
  });

  it.each(trials.map((trial) => [trial.name, trial] as const))('%s', async (_, trial) => {
    const { plan, given } = buildTrials([trial]);
    const wanted = await runPlan(referenceBackend, plan, given);
    const got = await runPlan(cpuBackend, plan, given);
    const worst = worstRatio(got, wanted, absolute, relative);
    expect(worst.ratio, worst.where).toBeLessThanOrEqual(1);
  });

  it('computes convolutions with precision exact, too', async () => {
    const { plan, given } = buildTrials(trials.filter(({ op }) => op.startsWith('conv2d')));
    const wanted = await runPlan(referenceBackend, plan, given);
    const got = await runPlan(cpuBackend, plan, given, { precision: 'exact' });
    const worst = worstRatio(got, wanted, absolute, relative);
    expect(worst.ratio, worst.where).toBeLessThanOrEqual(1);
  });

  it('gives the same without fused multiply-add, within rounding', async () => {
    const { plan, given } = buildTrials(trials);
    const wanted = await runPlan(referenceBackend, plan, given);
    const got = await runPlan(tunedCpuBackend({ relaxed: false }), plan, given);
    const worst = worstRatio(got, wanted, absolute, relative);
    expect(worst.ratio, worst.where).toBeLessThanOrEqual(1);
  });
});

describe('wide tiles', () => {
  it('give the same bits as narrow ones, for every kernel', async () => {
    const { plan, given } = buildTrials(trials);
    const narrow = await runPlan(cpuBackend, plan, given);
    expect(firstDifference(narrow, await runPlan(wideCpuBackend, plan, given))).toBeNull();
  });
});

describe('threads', () => {
  it.each([2, 3])('%i threads give the same bits as one, for every kernel', async (threads) => {
    const { plan, given } = buildTrials(trials);
    const one = await runPlan(cpuBackend, plan, given);
    const spread = tunedCpuBackend({ worthSharing: 0 });
    const more = await runPlan(spread, plan, given, { threads, spawn: spawnHelper });
    expect(firstDifference(one, more)).toBeNull();
  });
});
