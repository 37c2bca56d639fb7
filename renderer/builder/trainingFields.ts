/** The settings of optimisers and schedules as fields of a form: one line per name, for all kinds that have it. */
import type { Spec } from '../../lab/contract/spec.ts';

export type Optimizer = Spec['training']['optimizer'];
export type Schedule = Spec['training']['schedule'];

interface FieldBase {
  readonly label: string;
  readonly help?: string;
}
interface NumberField extends FieldBase {
  readonly kind: 'number';
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
  /** Excludes `min`. */
  readonly open?: boolean;
  readonly integer?: boolean;
  /** What an empty field says, where it may be empty. */
  readonly empty?: string;
}
export type TrainingField =
  | NumberField
  | (FieldBase & { readonly kind: 'numbers'; readonly unit?: string })
  | (FieldBase & { readonly kind: 'switch' })
  | (FieldBase & { readonly kind: 'choice'; readonly options: readonly { value: string; label: string }[] });

const below1 = { kind: 'number', min: 0, max: 0.999999 } as const;
const part = { kind: 'number', min: 0, max: 1 } as const;
const count = { kind: 'number', min: 1, integer: true } as const;

export const optimizerFields: Readonly<Record<string, TrainingField>> = {
  learningRate: { kind: 'number', label: 'Learning rate', min: 0, open: true },
  momentum: { ...below1, label: 'Momentum', help: '0: none.' },
  nesterov: { kind: 'switch', label: 'Nesterov' },
  dampening: { ...part, label: 'Dampening' },
  alpha: { ...below1, label: 'Alpha', help: 'Share of the old mean square that stays.' },
  centered: { kind: 'switch', label: 'Centered' },
  beta1: { ...below1, label: 'Beta 1' },
  beta2: { ...below1, label: 'Beta 2' },
  eps: { kind: 'number', label: 'Epsilon', min: 0, open: true },
  biasCorrection: { kind: 'switch', label: 'Bias correction' },
  learningRateDecay: { kind: 'number', label: 'Rate decay', min: 0, help: 'The rate falls as 1 / (1 + step × this).' },
  initialAccumulator: { kind: 'number', label: 'First sum', min: 0 },
  momentumDecay: { kind: 'number', label: 'Momentum decay', min: 0 },
  weightDecay: { kind: 'number', label: 'Weight decay', min: 0 },
};

export const scheduleFields: Readonly<Record<string, TrainingField>> = {
  stepSize: { ...count, label: 'Every', unit: 'steps' },
  milestones: { kind: 'numbers', label: 'At', unit: 'steps' },
  gamma: { kind: 'number', label: 'Multiply by', min: 0, max: 1, open: true },
  power: { kind: 'number', label: 'Power', min: 0, open: true },
  period: { ...count, label: 'Period', unit: 'steps' },
  periodFactor: { ...count, label: 'Period grows by' },
  warmupSteps: { ...count, label: 'Warm-up', unit: 'steps' },
  startFactor: { ...part, label: 'Start factor' },
  risePart: { kind: 'number', label: 'Rising part', min: 0, max: 0.999999, open: true },
  anneal: {
    kind: 'choice',
    label: 'Along',
    options: [
      { value: 'cosine', label: 'a cosine' },
      { value: 'linear', label: 'a straight line' },
    ],
  },
  divFactor: { kind: 'number', label: 'Begins divided by', min: 1 },
  finalDivFactor: { kind: 'number', label: 'Ends divided by', min: 1, help: 'As compared with its beginning.' },
  threePhase: { kind: 'switch', label: 'Three phases' },
  metric: {
    kind: 'choice',
    label: 'Watches',
    options: [
      { value: 'validation.loss', label: 'validation loss' },
      { value: 'validation.accuracy', label: 'validation accuracy' },
    ],
  },
  factor: { kind: 'number', label: 'Multiply by', min: 0, max: 0.999999, open: true },
  patience: { kind: 'number', label: 'Patience', unit: 'evaluations', min: 0, integer: true },
  threshold: { kind: 'number', label: 'Threshold', min: 0 },
  thresholdMode: {
    kind: 'choice',
    label: 'Threshold is',
    options: [
      { value: 'relative', label: 'a part of the best' },
      { value: 'absolute', label: 'a difference' },
    ],
  },
  cooldown: { kind: 'number', label: 'Cooldown', unit: 'evaluations', min: 0, integer: true },
  minimumFactor: { ...part, label: 'Lowest factor' },
  finalFactor: { ...part, label: 'Final factor', help: 'The rate ends at this share of its beginning.' },
  steps: { ...count, label: 'Over', unit: 'steps', empty: 'the whole run' },
};

export const optimizerNames = {
  sgd: 'SGD',
  adam: 'Adam',
  adamw: 'AdamW',
  rmsprop: 'RMSprop',
  adagrad: 'Adagrad',
  adamax: 'Adamax',
  nadam: 'NAdam',
} as const satisfies Readonly<Record<Optimizer['kind'] | 'adamw', string>>;

export const scheduleNames = {
  constant: 'Constant',
  step: 'Step',
  multiStep: 'Several steps',
  exponential: 'Exponential',
  polynomial: 'Polynomial',
  cosine: 'Cosine',
  warmRestarts: 'Warm restarts',
  warmupCosine: 'Warm-up and cosine',
  oneCycle: 'One cycle',
  reduceOnPlateau: 'Reduce on plateau',
} as const satisfies Readonly<Record<Schedule['kind'], string>>;

const moments = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 } as const;

/** A fresh optimiser of a kind. */
export const newOptimizer: Readonly<Record<keyof typeof optimizerNames, Optimizer>> = {
  sgd: { kind: 'sgd', learningRate: 0.1, momentum: 0, dampening: 0, nesterov: false, weightDecay: 0 },
  adam: { kind: 'adam', learningRate: 0.001, ...moments, decoupled: false, biasCorrection: true },
  adamw: { kind: 'adam', learningRate: 0.001, ...moments, weightDecay: 0.01, decoupled: true, biasCorrection: true },
  rmsprop: {
    ...{ kind: 'rmsprop', learningRate: 0.01, alpha: 0.99, eps: 1e-8 },
    ...{ momentum: 0, centered: false, weightDecay: 0 },
  },
  adagrad: {
    ...{ kind: 'adagrad', learningRate: 0.01, learningRateDecay: 0 },
    ...{ initialAccumulator: 0, eps: 1e-10, weightDecay: 0 },
  },
  adamax: { kind: 'adamax', learningRate: 0.002, ...moments },
  nadam: { kind: 'nadam', learningRate: 0.002, ...moments, momentumDecay: 0.004 },
};

/** A schedule of a kind that fits a run of `totalSteps`. */
export function newSchedule(kind: Schedule['kind'], totalSteps: number): Schedule {
  const share = (of: number): number => Math.max(1, Math.round(totalSteps * of));
  switch (kind) {
    case 'constant':
      return { kind };
    case 'step':
      return { kind, stepSize: share(1 / 3), gamma: 0.1 };
    case 'multiStep':
      return { kind, milestones: [share(0.5), share(0.5) + share(0.25)], gamma: 0.1 };
    case 'exponential':
      return { kind, gamma: Number((0.01 ** (1 / Math.max(1, totalSteps))).toPrecision(6)) };
    case 'polynomial':
      return { kind, power: 1, steps: null };
    case 'cosine':
      return { kind, finalFactor: 0, steps: null };
    case 'warmRestarts':
      return { kind, period: share(1 / 7), periodFactor: 2, finalFactor: 0 };
    case 'warmupCosine':
      return { kind, warmupSteps: share(0.05), startFactor: 0.01, finalFactor: 0, steps: null };
    case 'oneCycle': {
      const shape = { risePart: 0.3, anneal: 'cosine', divFactor: 25, finalDivFactor: 10000 } as const;
      return { kind, ...shape, threePhase: false, steps: null };
    }
    case 'reduceOnPlateau': {
      const better = { threshold: 0.0001, thresholdMode: 'relative' } as const;
      return { kind, metric: 'validation.loss', factor: 0.1, patience: 2, ...better, cooldown: 0, minimumFactor: 0 };
    }
  }
}

/** Names of the fields of a form, in the table's order. */
export function shownFields(table: Readonly<Record<string, TrainingField>>, settings: object): string[] {
  const momentum = 'momentum' in settings && settings.momentum !== 0;
  const nesterov = 'nesterov' in settings && settings.nesterov === true;
  const hidden = [...(momentum ? [] : ['nesterov', 'dampening']), ...(nesterov ? ['dampening'] : [])];
  return Object.keys(table).filter((name) => Object.hasOwn(settings, name) && !hidden.includes(name));
}
