import type { ScheduleSettings } from './settings.ts';

/** Cosine or straight line between two rates. */
export type Anneal = 'cosine' | 'linear';

/** Learning-rate schedules as functions of the step t, counted from 0. Rates are absolute, lengths are in steps. */
export type Schedule =
  | { readonly kind: 'constant'; readonly learningRate: number }
  /** learningRate * gamma^floor(t / stepSize) */
  | { readonly kind: 'step'; readonly learningRate: number; readonly stepSize: number; readonly gamma: number }
  /** learningRate * gamma^(number of milestones <= t) */
  | {
      readonly kind: 'multiStep';
      readonly learningRate: number;
      readonly milestones: readonly number[];
      readonly gamma: number;
    }
  /** learningRate * gamma^t */
  | { readonly kind: 'exponential'; readonly learningRate: number; readonly gamma: number }
  /** learningRate * (1 - min(t, T) / T)^power, T = totalSteps */
  | { readonly kind: 'polynomial'; readonly learningRate: number; readonly power: number; readonly totalSteps: number }
  /** minimum + (learningRate - minimum) * (1 + cos(pi t / halfPeriod)) / 2, for all t: past halfPeriod it rises again. */
  | { readonly kind: 'cosine'; readonly learningRate: number; readonly halfPeriod: number; readonly minimum: number }
  /** Falls along a cosine, then starts anew; periods last period, period * periodFactor, ... steps (SGDR, Loshchilov and Hutter, 2017). */
  | {
      readonly kind: 'cosineWarmRestarts';
      readonly learningRate: number;
      readonly period: number;
      readonly periodFactor: number;
      readonly minimum: number;
    }
  /** Linear from startFactor * learningRate over warmupSteps, then a cosine down to minimum at totalSteps, where it stays. */
  | {
      readonly kind: 'warmupCosine';
      readonly learningRate: number;
      readonly warmupSteps: number;
      readonly startFactor: number;
      readonly totalSteps: number;
      readonly minimum: number;
    }
  /**
   * From maximum / divFactor up to maximum at risePart * T - 1, then down to maximum / divFactor / finalDivFactor at T - 1
   * (T = totalSteps), where it stays. With three phases back to the first rate at 2 * risePart * T - 2, then on to the last (Smith and
   * Topin, "Super-convergence", 2018).
   */
  | {
      readonly kind: 'oneCycle';
      readonly maximum: number;
      readonly totalSteps: number;
      readonly risePart: number;
      readonly anneal: Anneal;
      readonly divFactor: number;
      readonly finalDivFactor: number;
      readonly threePhase: boolean;
    };

/** From `from` at part 0 to `to` at part 1 along half a cosine. */
function cosine(from: number, to: number, part: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * part))) / 2;
}

function between(from: number, to: number, part: number, anneal: Anneal): number {
  return anneal === 'linear' ? from + (to - from) * part : cosine(from, to, part);
}

/** How far t is from `start` to `end`, 1 behind it; a stretch without length is over at once. */
function partOf(t: number, start: number, end: number): number {
  return end > start ? Math.min((t - start) / (end - start), 1) : 1;
}

/** How many milestones lie at or before t. */
function passed(milestones: readonly number[], t: number): number {
  let count = 0;
  for (const milestone of milestones) if (milestone <= t) count++;
  return count;
}

/** The learning rate of step t. A pure function, so that a resumed run goes on exactly. Called in every step, so it makes no objects. */
export function lrAt(schedule: Schedule, t: number): number {
  switch (schedule.kind) {
    case 'constant':
      return schedule.learningRate;
    case 'step':
      return schedule.learningRate * schedule.gamma ** Math.floor(t / schedule.stepSize);
    case 'multiStep':
      return schedule.learningRate * schedule.gamma ** passed(schedule.milestones, t);
    case 'exponential':
      return schedule.learningRate * schedule.gamma ** t;
    case 'polynomial':
      return polynomial(schedule, t);
    case 'cosine':
      return cosine(schedule.learningRate, schedule.minimum, t / schedule.halfPeriod);
    case 'cosineWarmRestarts':
      return warmRestarts(schedule, t);
    case 'warmupCosine': {
      const { learningRate, warmupSteps, startFactor, totalSteps, minimum } = schedule;
      if (t < warmupSteps) return learningRate * (startFactor + ((1 - startFactor) * t) / warmupSteps);
      return cosine(learningRate, minimum, partOf(t, warmupSteps, totalSteps));
    }
    case 'oneCycle':
      return oneCycle(schedule, t);
  }
}

function polynomial({ learningRate, power, totalSteps }: Extract<Schedule, { kind: 'polynomial' }>, t: number): number {
  return learningRate * (1 - Math.min(t, totalSteps) / totalSteps) ** power;
}

function warmRestarts(schedule: Extract<Schedule, { kind: 'cosineWarmRestarts' }>, t: number): number {
  let length = schedule.period;
  // periods of one length are counted at once
  let start = schedule.periodFactor === 1 ? Math.floor(t / length) * length : 0;
  while (t >= start + length) {
    start += length;
    length *= schedule.periodFactor;
  }
  return cosine(schedule.learningRate, schedule.minimum, (t - start) / length);
}

function oneCycle(schedule: Extract<Schedule, { kind: 'oneCycle' }>, t: number): number {
  const { maximum, totalSteps, risePart, anneal } = schedule;
  const first = maximum / schedule.divFactor;
  const last = first / schedule.finalDivFactor;
  const peakAt = risePart * totalSteps - 1;
  if (t < peakAt) return between(first, maximum, partOf(t, 0, peakAt), anneal);
  const end = totalSteps - 1;
  if (!schedule.threePhase) return between(maximum, last, partOf(t, peakAt, end), anneal);
  const backAt = 2 * risePart * totalSteps - 2;
  if (t < backAt) return between(maximum, first, partOf(t, peakAt, backAt), anneal);
  return between(first, last, partOf(t, backAt, end), anneal);
}

/**
 * A schedule as a spec holds it, for a run of `totalSteps`: its rates are multiples of the optimiser's rate. A schedule over
 * fewer steps than the run has stays at its last value from there on. What reduceOnPlateau does follows from evaluations
 * (PlateauState) and multiplies this.
 */
export function scheduleOf(settings: ScheduleSettings, totalSteps: number): Schedule {
  const learningRate = 1;
  switch (settings.kind) {
    case 'constant':
    case 'reduceOnPlateau':
      return { kind: 'constant', learningRate };
    case 'step':
    case 'multiStep':
    case 'exponential':
      return { ...settings, learningRate };
    case 'polynomial':
      return { kind: 'polynomial', learningRate, power: settings.power, totalSteps: settings.steps ?? totalSteps };
    case 'cosine': {
      const minimum = settings.finalFactor;
      const end = settings.steps ?? totalSteps;
      return { kind: 'warmupCosine', learningRate, warmupSteps: 0, startFactor: 1, totalSteps: end, minimum };
    }
    case 'warmRestarts': {
      const { period, periodFactor, finalFactor: minimum } = settings;
      return { kind: 'cosineWarmRestarts', learningRate, period, periodFactor, minimum };
    }
    case 'warmupCosine': {
      const { warmupSteps, startFactor, finalFactor: minimum, steps } = settings;
      return { kind: 'warmupCosine', learningRate, warmupSteps, startFactor, totalSteps: steps ?? totalSteps, minimum };
    }
    case 'oneCycle': {
      const { steps, ...rest } = settings;
      return { ...rest, maximum: learningRate, totalSteps: steps ?? totalSteps };
    }
  }
}

/** The rate of step `step` (from 0) of a run of `totalSteps`, as a multiple of the optimiser's rate. */
export function learningRateFactor(settings: ScheduleSettings, step: number, totalSteps: number): number {
  return lrAt(scheduleOf(settings, totalSteps), step);
}

/** Lowers the rate when a metric stops getting better. */
export interface PlateauSettings {
  /** Whether a better metric is smaller or larger. */
  readonly mode: 'min' | 'max';
  /** The rate is multiplied by it. */
  readonly factor: number;
  /** How many metrics in a row may fail to be better; one more lowers the rate. */
  readonly patience: number;
  /** Better means by more than this: a part of the best metric ('relative') or a difference ('absolute'). */
  readonly threshold: number;
  readonly thresholdMode: 'relative' | 'absolute';
  /** Metrics after a reduction that count for nothing. */
  readonly cooldown: number;
  readonly minimum: number;
  /** A reduction by no more than this is not made. */
  readonly eps: number;
}

/** Plain data, so that it goes into a checkpoint as it is. */
export interface PlateauState {
  readonly learningRate: number;
  /** null before the first metric, as plain JSON has no infinity. */
  readonly best: number | null;
  readonly badSteps: number;
  readonly cooldownLeft: number;
}

export function plateauStart(learningRate: number): PlateauState {
  return { learningRate, best: null, badSteps: 0, cooldownLeft: 0 };
}

function isBetter(settings: PlateauSettings, metric: number, best: number | null): boolean {
  if (best === null) return !Number.isNaN(metric);
  const margin = settings.thresholdMode === 'relative' ? settings.threshold * best : settings.threshold;
  return settings.mode === 'min' ? metric < best - margin : metric > best + margin;
}

/** The state after `metric` has been reported; its learningRate holds from then on. */
export function plateauAfter(settings: PlateauSettings, state: PlateauState, metric: number): PlateauState {
  let { learningRate, best, badSteps, cooldownLeft } = state;
  if (isBetter(settings, metric, best)) {
    best = metric;
    badSteps = 0;
  } else {
    badSteps++;
  }
  if (cooldownLeft > 0) {
    cooldownLeft--;
    badSteps = 0;
  }
  if (badSteps > settings.patience) {
    const lower = Math.max(learningRate * settings.factor, settings.minimum);
    if (learningRate - lower > settings.eps) learningRate = lower;
    cooldownLeft = settings.cooldown;
    badSteps = 0;
  }
  return { learningRate, best, badSteps, cooldownLeft };
}

/** Settings of a spec as those of the state machine, for factors of the optimiser's rate. Null: no such schedule. */
export function plateauOf(settings: ScheduleSettings): PlateauSettings | null {
  if (settings.kind !== 'reduceOnPlateau') return null;
  const { metric, factor, patience, threshold, thresholdMode, cooldown, minimumFactor } = settings;
  const mode = metric === 'validation.loss' ? 'min' : 'max';
  return { mode, factor, patience, threshold, thresholdMode, cooldown, minimum: minimumFactor, eps: 0 };
}
