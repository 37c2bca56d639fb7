import { describe, expect, it } from 'vitest';
import type { Executable } from '../../../engine/backend.ts';
import { BatchOrder } from '../../../engine/data/batches.ts';
import { range } from '../../../engine/data/split.ts';
import type { TrainingPlan } from '../../../engine/plan/plan.ts';
import { StepRunner } from '../../../engine/train/loop.ts';
import { StepLog } from '../../../engine/train/stepLog.ts';

describe('the steady state', () => {
  it('of the loop allocates nothing per step', () => {
    // everything but the backend, whose own tests measure it: it takes the values and does nothing
    let written = 0;
    const executable = {
      write: (_tensor: number, values: { readonly length: number }) => (written += values.length),
      run: () => undefined,
    } as unknown as Executable;
    const plan = { batchSize: 32, handles: { trainIndices: 0, hyper: 1, random: 2 } } as unknown as TrainingPlan;
    const steps = 20_000;
    const runner = new StepRunner(executable, plan, new BatchOrder(range(32 * steps), 32, 1), {
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
      totalSteps: 10 * steps,
    });
    const log = new StepLog(256, 32, 0);
    const history = new Float32Array(512);
    let now = 0;
    const some = (first: number): void => {
      for (let step = first; step < first + steps / 2; step++) {
        runner.run(step);
        log.note(runner.learningRate, now++ / 1000);
        if (log.hasRoom) continue;
        log.collect(history);
        if (!log.hasRoom) log.take();
      }
    };
    some(0);
    const before = process.memoryUsage().heapUsed;
    some(steps / 2);
    const perStep = (process.memoryUsage().heapUsed - before) / (steps / 2);
    expect(written).toBe(steps * (32 + 4 + 3));
    // the log hands out copies (28 bytes an entry, outside this heap); a single object per step would be 12 bytes or more
    expect(perStep).toBeLessThan(12);
  });
});
