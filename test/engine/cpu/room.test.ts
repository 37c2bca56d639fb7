import { describe, expect, it } from 'vitest';
import { memoryOfPlan } from '../../../engine/cpu/compile.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { spawnHelper } from '../../../engine/host/spawn.node.ts';
import { adam, cnnLayers, fillNet, lowerNet, stepsOf } from './net.ts';

const mebibyte = 2 ** 20;

describe('memory of a run', () => {
  it('is known beforehand, for any number of threads', async () => {
    const { plan } = lowerNet(cnnLayers, [1, 12, 10], 10, adam);
    for (const threads of [1, 3]) {
      const executable = await cpuBackend.compile(plan, { threads, spawn: spawnHelper });
      expect(executable.bytes).toBe(memoryOfPlan(plan, threads));
      await executable.dispose();
    }
  });

  it('is what the process grows by, within a factor of 1.3', async () => {
    // fused groups keep little between their ops, so it takes many images to fill memory that can be told from the process's own
    const net = lowerNet(cnnLayers, [1, 48, 48], 800, adam);
    const estimate = memoryOfPlan(net.plan, 1);
    expect(estimate).toBeGreaterThan(100 * mebibyte);
    const before = process.memoryUsage.rss();
    const executable = await cpuBackend.compile(net.plan);
    fillNet(net, executable);
    const step = stepsOf(net, executable, adam);
    for (let i = 0; i < 2; i++) step();
    executable.run('evaluateTest');
    const grown = process.memoryUsage.rss() - before;
    await executable.dispose();
    expect(grown).toBeLessThan(1.3 * estimate);
    expect(grown).toBeGreaterThan(estimate / 1.3);
  });

  it('that is not there is refused, in MiB, before any is taken', async () => {
    const { plan } = lowerNet(cnnLayers, [1, 48, 48], 400, adam);
    const needed = Math.ceil(memoryOfPlan(plan, 1) / mebibyte);
    const before = process.memoryUsage().arrayBuffers;
    await expect(cpuBackend.compile(plan, { memoryLimit: 50 * mebibyte })).rejects.toMatchObject({
      code: 'memory',
      message: expect.stringMatching(`needs ${needed} MiB and this machine has 50 MiB`) as unknown,
    });
    const huge = lowerNet(cnnLayers, [1, 48, 48], 40_000, adam).plan;
    await expect(cpuBackend.compile(huge)).rejects.toMatchObject({
      code: 'memory',
      message: expect.stringMatching(/needs \d{1,3}(,\d{3})+ MiB and the cpu backend can address 4,096 MiB/) as unknown,
    });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * mebibyte);
  });
});
