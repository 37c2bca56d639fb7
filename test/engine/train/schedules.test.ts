import { describe, expect, test } from 'vitest';
import { learningRateFactor, lrAt, plateauAfter, plateauStart } from '../../../engine/train/schedules.ts';
import type { PlateauSettings, Schedule } from '../../../engine/train/schedules.ts';

describe('learningRateFactor', () => {
  test('constant', () => {
    expect([0, 1, 999].map((step) => learningRateFactor({ kind: 'constant' }, step, 1000))).toEqual([1, 1, 1]);
  });

  test('step: gamma every stepSize steps', () => {
    const schedule = { kind: 'step', stepSize: 3, gamma: 0.5 } as const;
    expect([0, 2, 3, 5, 6].map((step) => learningRateFactor(schedule, step, 10))).toEqual([1, 1, 0.5, 0.5, 0.25]);
  });

  test('cosine: over the whole run, down to the final factor', () => {
    const schedule = { kind: 'cosine', finalFactor: 0.1, steps: null } as const;
    const factors = [0, 50, 100].map((step) => learningRateFactor(schedule, step, 100));
    expect(factors[0]).toBe(1);
    expect(factors[1]).toBeCloseTo(0.55, 12);
    expect(factors[2]).toBeCloseTo(0.1, 12);
  });

  test('cosine over fewer steps than the run stays at the end', () => {
    const schedule = { kind: 'cosine', finalFactor: 0, steps: 10 } as const;
    expect(learningRateFactor(schedule, 5, 100)).toBeCloseTo(0.5, 12);
    expect(learningRateFactor(schedule, 10, 100)).toBeCloseTo(0, 12);
    expect(learningRateFactor(schedule, 73, 100)).toBeCloseTo(0, 12);
  });
});

describe('one cycle without room for a phase', () => {
  const base = { kind: 'oneCycle', maximum: 1, divFactor: 10, finalDivFactor: 10, anneal: 'linear' } as const;
  const schedules: Schedule[] = [
    { ...base, totalSteps: 10, risePart: 0.1, threePhase: false },
    { ...base, totalSteps: 10, risePart: 1, threePhase: false },
    { ...base, totalSteps: 10, risePart: 0.5, threePhase: true },
    { ...base, totalSteps: 1, risePart: 0.3, threePhase: false },
    { kind: 'warmupCosine', learningRate: 1, warmupSteps: 5, startFactor: 0, totalSteps: 5, minimum: 0.1 },
  ];
  test.each(schedules)('%j has a finite rate at every step', (schedule) => {
    for (let t = 0; t < 12; t++) expect(lrAt(schedule, t)).toBeGreaterThanOrEqual(-1e-12);
  });
});

describe('reduce on plateau', () => {
  const settings: PlateauSettings = {
    mode: 'min',
    factor: 0.5,
    patience: 1,
    threshold: 0.1,
    thresholdMode: 'absolute',
    cooldown: 0,
    minimum: 0.2,
    eps: 0,
  };
  const rates = (metrics: number[], changed: Partial<PlateauSettings> = {}): number[] => {
    let state = plateauStart(1);
    return metrics.map((metric) => (state = plateauAfter({ ...settings, ...changed }, state, metric)).learningRate);
  };

  test('lowers after patience + 1 metrics that are not better, down to the minimum', () => {
    expect(rates([5, 5, 5, 5, 5, 5, 5, 5, 5])).toEqual([1, 1, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]);
  });

  test('better means by more than the threshold', () => {
    expect(rates([5, 4.95, 4.93])).toEqual([1, 1, 0.5]);
    expect(rates([5, 4.8, 4.6, 4.4])).toEqual([1, 1, 1, 1]);
  });

  test('counts nothing while it cools down', () => {
    expect(rates([5, 5, 5, 5, 5, 5, 5], { cooldown: 2 })).toEqual([1, 1, 0.5, 0.5, 0.5, 0.5, 0.25]);
  });

  test('NaN is never better, and the state survives JSON', () => {
    expect(rates([NaN, NaN])).toEqual([1, 0.5]);
    const state = plateauAfter(settings, plateauStart(1), 3);
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
    expect(JSON.parse(JSON.stringify(plateauStart(1)))).toEqual(plateauStart(1));
  });
});
