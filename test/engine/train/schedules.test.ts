import { describe, expect, test } from 'vitest';
import { learningRateFactor, lrAt, plateauAfter, plateauOf, plateauStart } from '../../../engine/train/schedules.ts';
import type { PlateauSettings, Schedule } from '../../../engine/train/schedules.ts';
import type { ScheduleSettings } from '../../../engine/train/settings.ts';

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

describe('what a spec calls a schedule', () => {
  const shape = { risePart: 0.3, anneal: 'cosine', divFactor: 25, finalDivFactor: 100, threePhase: false } as const;
  const over = { steps: 40 } as const;
  // the absolute form, which the reference data know, of a rate of 0.2 over 40 of 60 steps
  const forms: readonly (readonly [ScheduleSettings, Schedule])[] = [
    [
      { kind: 'multiStep', milestones: [3, 10], gamma: 0.5 },
      { kind: 'multiStep', learningRate: 0.2, milestones: [3, 10], gamma: 0.5 },
    ],
    [
      { kind: 'exponential', gamma: 0.97 },
      { kind: 'exponential', learningRate: 0.2, gamma: 0.97 },
    ],
    [
      { kind: 'polynomial', power: 2, ...over },
      { kind: 'polynomial', learningRate: 0.2, power: 2, totalSteps: 40 },
    ],
    [
      { kind: 'warmRestarts', period: 5, periodFactor: 2, finalFactor: 0.1 },
      { kind: 'cosineWarmRestarts', learningRate: 0.2, period: 5, periodFactor: 2, minimum: 0.02 },
    ],
    [
      { kind: 'warmupCosine', warmupSteps: 6, startFactor: 0.1, finalFactor: 0.05, ...over },
      {
        ...{ kind: 'warmupCosine', learningRate: 0.2, warmupSteps: 6, startFactor: 0.1 },
        ...{ totalSteps: 40, minimum: 0.01 },
      },
    ],
    [
      { kind: 'oneCycle', ...shape, ...over },
      { kind: 'oneCycle', ...shape, maximum: 0.2, totalSteps: 40 },
    ],
  ];

  test.each(forms)('%j is the rate times a factor', (settings, absolute) => {
    for (let t = 0; t < 60; t++) expect(0.2 * learningRateFactor(settings, t, 60)).toBeCloseTo(lrAt(absolute, t), 12);
  });

  test('takes the whole run where it has no length of its own', () => {
    const factors = (steps: number | null): number[] =>
      [0, 7, 29, 59].map((t) => learningRateFactor({ kind: 'polynomial', power: 1, steps }, t, 60));
    expect(factors(null)).toEqual(factors(60));
    expect(factors(null)).not.toEqual(factors(40));
  });

  test('periods of one length, however far', () => {
    const rate = (t: number): number =>
      lrAt({ kind: 'cosineWarmRestarts', learningRate: 1, period: 7, periodFactor: 1, minimum: 0 }, t);
    for (const t of [0, 3, 6]) expect(rate(7e8 + t)).toBe(rate(t));
  });

  test('reduceOnPlateau leaves the rate to evaluations', () => {
    const plateau: ScheduleSettings = {
      ...{ kind: 'reduceOnPlateau', metric: 'validation.accuracy', factor: 0.5, patience: 1 },
      ...{ threshold: 0, thresholdMode: 'absolute', cooldown: 2, minimumFactor: 0.1 },
    };
    expect(learningRateFactor(plateau, 50, 60)).toBe(1);
    expect(plateauOf(plateau)).toMatchObject({ mode: 'max', factor: 0.5, cooldown: 2, minimum: 0.1 });
    expect(plateauOf({ kind: 'constant' })).toBeNull();
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
