import { lrAt, plateauAfter, plateauStart } from '../../../engine/train/schedules.ts';
import type { PlateauSettings, Schedule } from '../../../engine/train/schedules.ts';
import type { GoldenCase } from '../cases.ts';
import { Unsupported } from '../errors.ts';
import { booleanOf, choiceOf, inputOf, numberOf, numbersOf } from './adapter.ts';
import type { GroupAdapter } from './adapter.ts';

/** The schedule that a case's op and attributes describe; also used for those of training runs. */
export function scheduleOf(golden: GoldenCase): Schedule {
  const number = (name: string): number => numberOf(golden, name);
  switch (golden.op) {
    case 'step':
      return { kind: 'step', learningRate: number('lr'), stepSize: number('step_size'), gamma: number('gamma') };
    case 'multi_step':
      return {
        kind: 'multiStep',
        learningRate: number('lr'),
        milestones: numbersOf(golden, 'milestones'),
        gamma: number('gamma'),
      };
    case 'exponential':
      return { kind: 'exponential', learningRate: number('lr'), gamma: number('gamma') };
    case 'polynomial':
      return {
        kind: 'polynomial',
        learningRate: number('lr'),
        power: number('power'),
        totalSteps: number('total_steps'),
      };
    case 'cosine_annealing':
      return { kind: 'cosine', learningRate: number('lr'), halfPeriod: number('t_max'), minimum: number('eta_min') };
    case 'cosine_warm_restarts':
      return {
        kind: 'cosineWarmRestarts',
        learningRate: number('lr'),
        period: number('t_0'),
        periodFactor: number('t_mult'),
        minimum: number('eta_min'),
      };
    case 'warmup_cosine':
      return {
        kind: 'warmupCosine',
        learningRate: number('lr'),
        warmupSteps: number('warmup_steps'),
        startFactor: number('start_factor'),
        totalSteps: number('total_steps'),
        minimum: number('eta_min'),
      };
    case 'one_cycle':
      return {
        kind: 'oneCycle',
        maximum: number('max_lr'),
        totalSteps: number('total_steps'),
        risePart: number('pct_start'),
        anneal: choiceOf(golden, 'anneal', ['cos', 'linear']) === 'cos' ? 'cosine' : 'linear',
        divFactor: number('div_factor'),
        finalDivFactor: number('final_div_factor'),
        threePhase: booleanOf(golden, 'three_phase'),
      };
    default:
      throw new Unsupported(golden.op);
  }
}

function plateauRates(golden: GoldenCase): Float64Array {
  const settings: PlateauSettings = {
    mode: choiceOf(golden, 'mode', ['min', 'max']),
    factor: numberOf(golden, 'factor'),
    patience: numberOf(golden, 'patience'),
    threshold: numberOf(golden, 'threshold'),
    thresholdMode: choiceOf(golden, 'threshold_mode', ['rel', 'abs']) === 'rel' ? 'relative' : 'absolute',
    cooldown: numberOf(golden, 'cooldown'),
    minimum: numberOf(golden, 'min_lr'),
    eps: numberOf(golden, 'eps'),
  };
  let state = plateauStart(numberOf(golden, 'lr'));
  return Float64Array.from(inputOf(golden, 'metric').data, (metric) => {
    state = plateauAfter(settings, state, metric);
    return state.learningRate;
  });
}

export const schedules: GroupAdapter = (golden) => {
  let rates: Float64Array;
  if (golden.op === 'reduce_on_plateau') {
    rates = plateauRates(golden);
  } else {
    const schedule = scheduleOf(golden);
    const steps = golden.outputs.get('lr')?.data.length ?? 0;
    rates = Float64Array.from({ length: steps }, (_, t) => lrAt(schedule, t));
  }
  return Promise.resolve(new Map([['lr', { shape: [rates.length], data: rates }]]));
};
