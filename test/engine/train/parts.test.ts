import { describe, expect, it } from 'vitest';
import type { Executable } from '../../../engine/backend.ts';
import { BatchOrder } from '../../../engine/data/batches.ts';
import { range } from '../../../engine/data/split.ts';
import { hyperSize } from '../../../engine/ops/op.ts';
import type { TrainingPlan } from '../../../engine/plan/plan.ts';
import { ValidationWatch } from '../../../engine/train/earlyStopping.ts';
import { StepRunner } from '../../../engine/train/loop.ts';
import { learningRateFactor } from '../../../engine/train/schedules.ts';
import { fillHyper } from '../../../engine/train/optimizers.ts';
import { stepsOf } from '../../../engine/train/stages.ts';
import { StepLog } from '../../../engine/train/stepLog.ts';
import type { OptimizerSettings } from '../../../engine/train/settings.ts';

describe('fillHyper', () => {
  const hyperAt = (settings: OptimizerSettings, step: number): number[] => {
    const hyper = new Float32Array(hyperSize);
    fillHyper(settings, 0.25, step, hyper);
    return [...hyper];
  };

  it('lets the first gradient of SGD in whole and dampens the later ones', () => {
    const sgd = {
      kind: 'sgd',
      learningRate: 1,
      momentum: 0.9,
      dampening: 0.25,
      nesterov: false,
      weightDecay: 0,
    } as const;
    expect(hyperAt(sgd, 0).slice(0, 2)).toEqual([0.25, 1]);
    expect(hyperAt(sgd, 1).slice(0, 2)).toEqual([0.25, 0.75]);
  });

  it("corrects Adam's bias by the number of updates, from 1", () => {
    const adam = {
      kind: 'adam',
      learningRate: 1,
      beta1: 0.5,
      beta2: 0.75,
      eps: 1e-8,
      weightDecay: 0,
      decoupled: false,
    } as const;
    expect(hyperAt(adam, 0)).toEqual([0.25, 0, 2, 4]);
    expect(hyperAt(adam, 1)).toEqual([0.25, 0, Math.fround(1 / 0.75), Math.fround(1 / (1 - 0.5625))]);
  });
});

describe('StepRunner', () => {
  it('hands each step its batch, its scalars and its number to the plan', () => {
    const written = new Map<number, number[]>();
    const segments: string[] = [];
    const executable = {
      write: (tensor: number, values: ArrayLike<number>) => void written.set(tensor, Array.from(values)),
      run: (segment: string) => void segments.push(segment),
    } as unknown as Executable;
    const plan = {
      batchSize: 3,
      accumulate: 1,
      handles: { trainIndices: 7, hyper: 8, lateHyper: [], random: 9 },
    } as unknown as TrainingPlan;
    const order = new BatchOrder(range(10), 3, 1);
    const optimizer = {
      ...{ kind: 'adam', learningRate: 0.5, beta1: 0.9, beta2: 0.99, eps: 1e-8 },
      ...{ weightDecay: 0, decoupled: false },
    } as OptimizerSettings;
    const schedule = { kind: 'step', stepSize: 2, gamma: 0.5 } as const;
    const seed = 2 ** 40 * 3 + 2 ** 31 + 5;
    const runner = new StepRunner(executable, plan, order, { optimizer, schedule, seed, totalSteps: 100 });
    for (const step of [0, 1, 2, 3, 9, 4]) {
      runner.run(step);
      const batch = new Int32Array(3);
      order.fill(step, batch);
      const hyper = new Float32Array(hyperSize);
      fillHyper(optimizer, 0.5 * 0.5 ** Math.floor(step / 2), step, hyper);
      expect(written.get(7)).toEqual([...batch]);
      expect(written.get(8)).toEqual([...hyper]);
      expect(written.get(9)!.map((word) => word >>> 0)).toEqual([2 ** 31 + 5, 3 * 256, step]);
      expect(runner.learningRate).toBe(hyper[0]);
    }
    expect(segments).toEqual(Array(6).fill('train'));
  });
});

describe('learningRateFactor', () => {
  it('constant, step and cosine', () => {
    expect(learningRateFactor({ kind: 'constant' }, 5, 10)).toBe(1);
    const step = { kind: 'step', stepSize: 3, gamma: 0.5 } as const;
    expect([0, 2, 3, 6].map((t) => learningRateFactor(step, t, 10))).toEqual([1, 1, 0.5, 0.25]);
    const cosine = { kind: 'cosine', finalFactor: 0.2, steps: null } as const;
    expect(learningRateFactor(cosine, 0, 10)).toBe(1);
    expect(learningRateFactor(cosine, 5, 10)).toBeCloseTo(0.6, 12);
    expect(learningRateFactor(cosine, 10, 10)).toBeCloseTo(0.2, 12);
    expect(learningRateFactor({ ...cosine, steps: 4 }, 9, 10)).toBeCloseTo(0.2, 12);
  });
});

describe('stepsOf', () => {
  it('rounds parts of an epoch and gives at least one step', () => {
    expect(stepsOf({ steps: 7 }, 100)).toBe(7);
    expect(stepsOf({ epochs: 2.5 }, 101)).toBe(253);
    expect(stepsOf({ epochs: 0.001 }, 100)).toBe(1);
  });
});

describe('ValidationWatch', () => {
  const settings = { metric: 'validation.loss', patience: 2, minDelta: 0.1 } as const;

  it('stops after `patience` evaluations without an improvement of more than minDelta', () => {
    const watch = new ValidationWatch(settings);
    const seen = [1, 0.95, 0.8, 0.75, 0.72].map((loss, i) => [
      watch.observe({ loss, accuracy: 0 }, i + 1),
      watch.exhausted,
    ]);
    // each is better than the one before, but only 0.8 is so by more than 0.1
    expect(seen).toEqual([
      [true, false],
      [true, false],
      [true, false],
      [true, false],
      [true, true],
    ]);
    expect(watch.state).toEqual({ best: 0.72, bestStep: 5, reference: 0.8, waited: 2 });
  });

  it('follows the accuracy upwards', () => {
    const watch = new ValidationWatch({ metric: 'validation.accuracy', patience: 1, minDelta: 0 });
    expect(watch.observe({ loss: 1, accuracy: 0.5 }, 1)).toBe(true);
    expect(watch.observe({ loss: 9, accuracy: 0.6 }, 2)).toBe(true);
    expect(watch.observe({ loss: 0, accuracy: 0.6 }, 3)).toBe(false);
    expect(watch.exhausted).toBe(true);
  });

  it('goes on from a saved state as if nothing had happened', () => {
    const losses = [1, 0.5, 0.6, 0.45, 0.44];
    const whole = new ValidationWatch(settings);
    losses.forEach((loss, i) => whole.observe({ loss, accuracy: 0 }, i));
    for (let cut = 0; cut <= losses.length; cut++) {
      const first = new ValidationWatch(settings);
      losses.slice(0, cut).forEach((loss, i) => first.observe({ loss, accuracy: 0 }, i));
      const second = new ValidationWatch(settings, JSON.parse(JSON.stringify(first.state)));
      losses.slice(cut).forEach((loss, i) => second.observe({ loss, accuracy: 0 }, cut + i));
      expect(second.state).toEqual(whole.state);
      expect(second.exhausted).toBe(whole.exhausted);
    }
  });

  it('never stops without settings, but knows the best', () => {
    const watch = new ValidationWatch(null);
    expect([3, 2, 5, 5, 5, 5, 1].map((loss, i) => watch.observe({ loss, accuracy: 0 }, i))).toEqual([
      ...[true, true, false, false, false, false, true],
    ]);
    expect(watch.exhausted).toBe(false);
  });
});

describe('StepLog', () => {
  /** Writes loss = step / 10, correct = step for steps first..last (from 0) to a ring. */
  function ring(
    slots: number,
    first: number,
    last: number,
    into = new Float32Array(slots * 2),
  ): Float32Array<ArrayBuffer> {
    for (let step = first; step <= last; step++) {
      into[(step % slots) * 2] = step / 10;
      into[(step % slots) * 2 + 1] = step;
    }
    return into;
  }

  it('joins what is noted at once with what is read back later, across the end of the ring', () => {
    const log = new StepLog(4, 10, 6);
    for (let i = 0; i < 4; i++) log.note(0.5 - i / 8, i);
    expect(log.hasRoom).toBe(false);
    expect(log.length).toBe(0);
    const history = ring(4, 6, 9);
    expect(log.collect(history)).toBe(0);
    expect(log.hasRoom).toBe(true);
    log.note(0, 4);
    log.collect(ring(4, 10, 10, history));
    const entries = log.take();
    expect(entries.firstStep).toBe(7);
    expect(entries.step).toBe(11);
    expect([...entries.loss]).toEqual([0.6, 0.7, 0.8, 0.9, 1].map(Math.fround));
    expect([...entries.accuracy]).toEqual([0.6, 0.7, 0.8, 0.9, 1].map(Math.fround));
    expect([...entries.learningRate]).toEqual([0.5, 0.375, 0.25, 0.125, 0]);
    expect([...entries.seconds]).toEqual([0, 1, 2, 3, 4]);
    expect(log.take()).toMatchObject({ firstStep: 12, step: 11 });
  });

  it('names the first step whose loss is not finite and keeps the ones before it', () => {
    const log = new StepLog(8, 10, 0);
    for (let i = 0; i < 5; i++) log.note(1, i);
    const history = ring(8, 0, 4);
    history[3 * 2] = NaN;
    expect(log.collect(history)).toBe(4);
    expect(log.take().loss.length).toBe(3);
  });

  it('is full when nobody takes the entries', () => {
    const log = new StepLog(2, 1, 0, 4);
    const history = new Float32Array(4);
    for (let i = 0; i < 4; i++) {
      expect(log.hasRoom).toBe(true);
      log.note(1, 0);
      log.collect(history);
    }
    expect(log.hasRoom).toBe(false);
  });
});
