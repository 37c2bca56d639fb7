import { describe, expect, it } from 'vitest';
import type { Executable } from '../../../engine/backend.ts';
import { BatchOrder } from '../../../engine/data/batches.ts';
import { range } from '../../../engine/data/split.ts';
import type { TrainingPlan } from '../../../engine/plan/plan.ts';
import { StepRunner } from '../../../engine/train/loop.ts';
import { StepLog } from '../../../engine/train/stepLog.ts';

describe('the steady state', () => {
  it('of the loop allocates nothing per step', async () => {
    // everything but the backend, which its own tests measure: this one takes the values and does nothing
    let written = 0;
    const executable = {
      write: (_tensor: number, values: { readonly length: number }) => (written += values.length),
      run: () => undefined,
    } as unknown as Executable;
    const plan = {
      batchSize: 4,
      accumulate: 1,
      handles: { trainIndices: 0, hyper: 1, random: 2, lateHyper: [] },
    } as unknown as TrainingPlan;
    const steps = 10_000;
    // all in one epoch: the next one is shuffled as a whole, which is no business of a step
    const runner = new StepRunner(executable, plan, new BatchOrder(range(4 * 11 * steps), 4, 1), {
      optimizer: {
        kind: 'adam',
        learningRate: 0.1,
        beta1: 0.9,
        beta2: 0.99,
        eps: 1e-8,
        weightDecay: 0,
        decoupled: false,
      },
      schedule: { kind: 'cosine', finalFactor: 0, steps: null },
      seed: 1,
      totalSteps: 11 * steps,
    });
    const log = new StepLog(256, 4, 0);
    const history = new Float32Array(512);
    let now = 0;
    const run = (first: number): void => {
      for (let step = first; step < first + steps; step++) {
        runner.run(step);
        log.note(runner.learningRate, now++ / 1000);
        if (log.hasRoom) continue;
        log.collect(history);
        if (!log.hasRoom) log.take();
      }
    };
    // V8 compiles on a thread of its own, which a busy machine keeps waiting; code that is not compiled boxes every double
    for (const first of [0, steps]) {
      run(first);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const windows: number[] = [];
    for (let window = 2; window < 11; window++) {
      const before = process.memoryUsage().heapUsed;
      run(window * steps);
      windows.push((process.memoryUsage().heapUsed - before) / steps);
    }
    expect(written).toBe(11 * steps * (4 + 4 + 3));
    // the median: a window in which the collector ran has a negative value. V8 boxes the double that the schedule returns
    // (16 bytes, gone at once); an array view or an object per step would come on top of it
    const median = windows.sort((a, b) => a - b)[4]!;
    expect(median).toBeGreaterThanOrEqual(0);
    expect(median).toBeLessThan(20);
  });
});
