import type { ScheduleSettings } from './settings.ts';

/** The learning rate of step `step` (from 0) of a run of `totalSteps`, as a multiple of the optimiser's rate, in float64. */
export function learningRateFactor(schedule: ScheduleSettings, step: number, totalSteps: number): number {
  switch (schedule.kind) {
    case 'constant':
      return 1;
    case 'step':
      return Math.pow(schedule.gamma, Math.floor(step / schedule.stepSize));
    case 'cosine': {
      // Loshchilov and Hutter, "SGDR", ICLR 2017, without restarts
      const progress = Math.min(1, step / (schedule.steps ?? totalSteps));
      return schedule.finalFactor + ((1 - schedule.finalFactor) * (1 + Math.cos(Math.PI * progress))) / 2;
    }
  }
}
