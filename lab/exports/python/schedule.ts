import type { ScheduleSettings } from '../../../engine/index.ts';
import { literal } from './source.ts';

const annealing = `
def anneal(start, end, part, how="cosine"):
    if how == "linear":
        return start + (end - start) * part
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


`;

const parts = `${annealing}
def part_of(t, start, end):
    return min((t - start) / (end - start), 1) if end > start else 1

`;

/** Whether the rate differs from step to step by the schedule alone. */
export const isScheduled = ({ kind }: ScheduleSettings): boolean => kind !== 'constant' && kind !== 'reduceOnPlateau';

/** `rate_factor(t)`: the rate of step t, from 0, as a multiple of the optimiser's; nothing where that is always 1. */
export function scheduleSource(schedule: ScheduleSettings, totalSteps: number): string {
  if (!isScheduled(schedule)) return '';
  const [before, lines] = scheduleLines(schedule, totalSteps);
  return `${before}
def rate_factor(t):
    """The learning rate of step t (from 0) as a multiple of the optimiser's own."""
${lines.map((line) => `    ${line}`).join('\n')}
`;
}

function scheduleLines(schedule: ScheduleSettings, totalSteps: number): readonly [string, readonly string[]] {
  const total = 'steps' in schedule ? (schedule.steps ?? totalSteps) : totalSteps;
  switch (schedule.kind) {
    case 'constant':
    case 'reduceOnPlateau':
      return ['', ['return 1.0']];
    case 'step':
      return ['', [`return ${schedule.gamma} ** (t // ${schedule.stepSize})`]];
    case 'multiStep':
      return ['', [`return ${schedule.gamma} ** sum(t >= each for each in ${literal(schedule.milestones)})`]];
    case 'exponential':
      return ['', [`return ${schedule.gamma} ** t`]];
    case 'polynomial':
      return ['', [`return (1 - min(t, ${total}) / ${total}) ** ${schedule.power}`]];
    case 'cosine':
      return [parts, [`return anneal(1.0, ${schedule.finalFactor}, part_of(t, 0, ${total}))`]];
    case 'warmRestarts':
      return [
        annealing,
        [
          `length = ${schedule.period}`,
          `start = ${schedule.periodFactor === 1 ? 't // length * length' : '0'}`,
          'while t >= start + length:',
          `    start, length = start + length, length * ${schedule.periodFactor}`,
          `return anneal(1.0, ${schedule.finalFactor}, (t - start) / length)`,
        ],
      ];
    case 'warmupCosine':
      return [
        parts,
        [
          `if t < ${schedule.warmupSteps}:`,
          `    return ${schedule.startFactor} + (1 - ${schedule.startFactor}) * t / ${schedule.warmupSteps}`,
          `return anneal(1.0, ${schedule.finalFactor}, part_of(t, ${schedule.warmupSteps}, ${total}))`,
        ],
      ];
    case 'oneCycle':
      return [parts, oneCycle(schedule, total)];
  }
}

function oneCycle(schedule: Extract<ScheduleSettings, { kind: 'oneCycle' }>, total: number): readonly string[] {
  const { risePart, anneal, divFactor, finalDivFactor, threePhase } = schedule;
  const how = literal(anneal);
  return [
    `first = 1 / ${divFactor}`,
    `last = first / ${finalDivFactor}`,
    `peak, end = ${risePart} * ${total} - 1, ${total} - 1`,
    'if t < peak:',
    `    return anneal(first, 1.0, part_of(t, 0, peak), ${how})`,
    ...(threePhase
      ? [
          `back = 2 * ${risePart} * ${total} - 2`,
          'if t < back:',
          `    return anneal(1.0, first, part_of(t, peak, back), ${how})`,
          `return anneal(first, last, part_of(t, back, end), ${how})`,
        ]
      : [`return anneal(1.0, last, part_of(t, peak, end), ${how})`]),
  ];
}

/** `Plateau`: the factor of the rate after evaluations. */
export function plateauSource(schedule: ScheduleSettings): string {
  if (schedule.kind !== 'reduceOnPlateau') return '';
  const { metric, factor, patience, threshold, thresholdMode, cooldown, minimumFactor } = schedule;
  const higher = metric === 'validation.accuracy';
  const margin = thresholdMode === 'relative' ? `${threshold} * self.best` : String(threshold);
  const waits =
    cooldown > 0
      ? `
        if self.wait > 0:
            self.wait, self.bad = self.wait - 1, 0`
      : '';
  return `
class Plateau:
    """Lowers the rate when ${metric} stops getting better."""

    factor, best, bad${cooldown > 0 ? ', wait' : ''} = 1.0, None, 0${cooldown > 0 ? ', 0' : ''}

    def observe(self, loss, accuracy):
        value = ${higher ? 'accuracy' : 'loss'}
        if self.best is None or value ${higher ? '> self.best +' : '< self.best -'} ${margin}:
            self.best, self.bad = value, 0
        else:
            self.bad += 1${waits}
        if self.bad > ${patience}:
            self.factor = max(self.factor * ${factor}, ${minimumFactor})
            self.bad${cooldown > 0 ? ', self.wait' : ''} = 0${cooldown > 0 ? `, ${cooldown}` : ''}
`;
}
