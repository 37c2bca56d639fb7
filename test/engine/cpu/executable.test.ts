import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import type { Executable, SpawnHelper } from '../../../engine/backend.ts';
import { cpuBackend, tunedCpuBackend } from '../../../engine/cpu/index.ts';
import { EngineError } from '../../../engine/errors.ts';
import { PlanBuilder } from '../../../engine/plan/builder.ts';
import type { Plan } from '../../../engine/plan/plan.ts';
import { spawnHelper } from '../../../engine/host/spawn.node.ts';

/** y = x + x, enough of it to be shared among threads. */
function doubling(rows: number): { plan: Plan; x: number; y: number } {
  const builder = new PlanBuilder();
  const x = builder.tensor('x', [rows, 4000], 'f32', 'input');
  const y = builder.tensor('y', [rows, 4000], 'f32', 'result');
  builder.op('run', { op: 'add', attrs: {}, inputs: { a: x, b: x }, outputs: { y }, phase: 'forward' });
  return { plan: builder.build(), x, y };
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof EngineError) return error.code;
    throw error;
  }
  return 'none';
}

const entry = new URL('../../../engine/worker/helper.node.ts', import.meta.url);

/** Like spawnHelper, with the worker at hand, and telling nobody of its end if `silent`. */
function spying(workers: Worker[], silent: boolean): SpawnHelper {
  return (data, onError) => {
    const worker = new Worker(entry, { workerData: data });
    workers.push(worker);
    if (!silent) worker.on('exit', (code) => onError(new Error(`exit ${code}`)));
    return {
      terminate: async () => {
        await worker.terminate();
      },
    };
  };
}

function runUntilFailure(executable: Executable, limitMs: number): string {
  const end = performance.now() + limitMs;
  while (performance.now() < end) {
    const code = codeOf(() => executable.run('run'));
    if (code !== 'none') return code;
  }
  return 'none';
}

describe('threads that end', () => {
  it('a helper whose end is told makes the next run fail', async () => {
    const workers: Worker[] = [];
    const { plan } = doubling(64);
    const executable = await cpuBackend.compile(plan, { threads: 3, spawn: spying(workers, false) });
    executable.run('run');
    await workers[1]!.terminate();
    expect(codeOf(() => executable.run('run'))).toBe('threads');
    expect(codeOf(() => executable.run('run'))).toBe('threads');
    await executable.dispose();
  });

  it('a helper that dies in silence is missed', { timeout: 20_000 }, async () => {
    const workers: Worker[] = [];
    const { plan } = doubling(64);
    const backend = tunedCpuBackend({ patience: 1 });
    const executable = await backend.compile(plan, { threads: 2, spawn: spying(workers, true) });
    executable.run('run');
    const ended = workers[0]!.terminate();
    expect(runUntilFailure(executable, 15_000)).toBe('threads');
    await ended;
    await executable.dispose();
  });

  it('a helper that cannot start fails the compilation', async () => {
    const { plan } = doubling(64);
    const broken: SpawnHelper = (_, onError) => {
      setTimeout(() => onError(new Error('no such file')), 5);
      return { terminate: () => Promise.resolve() };
    };
    await expect(cpuBackend.compile(plan, { threads: 2, spawn: broken })).rejects.toThrow(/no such file.*threads: 1/s);
    await expect(cpuBackend.compile(plan, { threads: 2 })).rejects.toThrow(/not told how to start/);
  });

  it('dispose ends them, and may be called twice', async () => {
    const workers: Worker[] = [];
    const { plan } = doubling(64);
    const executable = await cpuBackend.compile(plan, { threads: 3, spawn: spying(workers, true) });
    const ends = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
    executable.run('run');
    await executable.dispose();
    await executable.dispose();
    expect(await Promise.all(ends)).toHaveLength(2);
    expect(codeOf(() => executable.run('run'))).toBe('plan');
  });

  it('helpers sleep and wake between runs', async () => {
    const { plan, x, y } = doubling(64);
    const executable = await cpuBackend.compile(plan, { threads: 2, spawn: spawnHelper });
    for (let round = 1; round <= 3; round++) {
      executable.write(x, new Float32Array(64 * 4000).fill(round));
      executable.run('run');
      const result = new Float32Array(64 * 4000);
      await executable.read(y, result);
      expect(result.every((value) => value === 2 * round)).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await executable.dispose();
  });
});

describe('misuse', () => {
  it('is told by name', async () => {
    const { plan, x } = doubling(2);
    const executable = await cpuBackend.compile(plan);
    expect(() => executable.write(x, new Float32Array(7))).toThrow('Tensor "x" is f32 2×4000 (8000 values)');
    expect(() => executable.write(x, new Int32Array(8000))).toThrow('a Int32Array of 8000');
    expect(() => executable.run('train')).toThrow('no segment "train"; it has run');
    expect(executable.bytes).toBeGreaterThan(64_000);
    await executable.dispose();
  });

  it('a plan too large for 4 GiB is refused before anything is reserved', async () => {
    const { plan } = doubling(200_000);
    await expect(cpuBackend.compile(plan)).rejects.toMatchObject({ code: 'memory' });
  });
});
