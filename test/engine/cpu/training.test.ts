import { describe, expect, it } from 'vitest';
import { cpuBackend, tunedCpuBackend } from '../../../engine/cpu/index.ts';
import { compilePlan } from '../../../engine/cpu/compile.ts';
import { spawnHelper } from '../../../engine/host/spawn.node.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import { adam, cnnLayers, fillNet, lowerNet, mlpLayers, sgd, stepsOf, type Net } from './net.ts';

async function trained(net: Net, threads: number, steps: number, worthSharing?: number): Promise<Uint8Array> {
  const backend = worthSharing === undefined ? cpuBackend : tunedCpuBackend({ worthSharing });
  const executable = await backend.compile(net.plan, { threads, spawn: spawnHelper });
  fillNet(net, executable);
  const step = stepsOf(net, executable, adam);
  for (let i = 0; i < steps; i++) step();
  const bytes: number[] = [];
  for (const id of [...net.plan.handles.parameters, ...net.plan.handles.buffers, net.plan.handles.history]) {
    const values = new Float32Array(sizeOf(net.plan.tensors[id]!.shape));
    await executable.read(id, values);
    bytes.push(...new Uint8Array(values.buffer));
  }
  await executable.dispose();
  return Uint8Array.from(bytes);
}

describe('training', () => {
  it.each([
    ['MLP with batch norm', mlpLayers, 60],
    ['CNN', cnnLayers, 13],
  ] as const)('%s: 1, 2 and 3 threads end with the same bits', async (_, layers, batch) => {
    const net = lowerNet(layers, [1, 12, 10], batch, adam);
    const one = await trained(net, 1, 20);
    expect(new Set(one).size).toBeGreaterThan(100);
    for (const threads of [2, 3]) {
      expect(await trained(net, threads, 20, 0), `${threads} threads, everything shared`).toEqual(one);
      expect(await trained(net, threads, 20), `${threads} threads`).toEqual(one);
    }
  });

  it('keeps barriers few', () => {
    const levels = (net: Net): number => compilePlan(net.plan, 2, { relaxed: true }).segments[0]!.levels;
    const plain = mlpLayers.filter(({ layer }) => layer !== 'batchNorm');
    // Forward; loss and backward; weight gradients; update; record.
    expect(levels(lowerNet(plain, [1, 12, 10], 60, sgd))).toBeLessThanOrEqual(5);
    expect(levels(lowerNet(cnnLayers, [1, 12, 10], 60, adam))).toBeLessThanOrEqual(16);
  });

  it('allocates nothing per step', async () => {
    const net = lowerNet(mlpLayers, [1, 12, 10], 60, adam);
    const executable = await cpuBackend.compile(net.plan);
    fillNet(net, executable);
    const step = stepsOf(net, executable, adam);
    step();
    // What the training loop computes itself is not counted here, only the backend's part of a step.
    const { trainIndices, hyper, random } = net.plan.handles;
    const inputs = { indices: new Int32Array(60), hyper: new Float32Array(4), random: new Int32Array(3) };
    const bare = (): void => {
      executable.write(trainIndices, inputs.indices);
      executable.write(hyper, inputs.hyper);
      executable.write(random, inputs.random);
      executable.run('train');
    };
    for (let i = 0; i < 3000; i++) bare();
    let least = Infinity;
    for (let attempt = 0; attempt < 5; attempt++) {
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < 2000; i++) bare();
      least = Math.min(least, Math.abs(process.memoryUsage().heapUsed - before));
    }
    await executable.dispose();
    // One small object per step would be 24,000 bytes.
    expect(least).toBeLessThan(16_000);
  });

  it('a saturated net is no slower than a fresh one', async () => {
    const layers = mlpLayers.filter(({ layer }) => layer !== 'batchNorm');
    const net = lowerNet(layers, [1, 28, 28], 60, adam);
    // One executable for all, so that all run the same machine code: V8 may be late with the optimised one.
    const executable = await cpuBackend.compile(net.plan);
    fillNet(net, executable);
    const step = stepsOf(net, executable, adam);
    const { parameters, optimizerState } = net.plan.handles;
    const restart = (scale: number): void => {
      for (const id of parameters) {
        const initial = net.values.get(net.plan.tensors[id]!.name) as Float32Array;
        executable.write(
          id,
          initial.map((value) => value * scale),
        );
      }
      for (const id of optimizerState.flat()) {
        executable.write(id, new Float32Array(sizeOf(net.plan.tensors[id]!.shape)));
      }
    };
    for (let i = 0; i < 500; i++) step();
    // Scaled so, sums are hundreds: sigmoids stand at 0 and 1, their derivatives near 1e-38.
    const scales = [1, 60, 1000];
    const least = scales.map(() => Infinity);
    for (let round = 0; round < 6; round++) {
      scales.forEach((scale, i) => {
        restart(scale);
        const before = process.cpuUsage();
        for (let k = 0; k < 100; k++) step();
        const spent = process.cpuUsage(before);
        least[i] = Math.min(least[i]!, spent.user + spent.system);
      });
    }
    await executable.dispose();
    const [fresh = 0, ...saturated] = least;
    for (const spent of saturated) expect(spent / fresh).toBeLessThan(1.5);
  });
});
