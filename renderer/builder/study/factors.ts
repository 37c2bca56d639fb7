import type { InitializerKind } from '../../../engine/index.ts';
import type { Spec } from '../../../lab/contract/spec.ts';
import { setting } from '../../format.ts';
import { parseNumber } from '../../parts/parseNumber.ts';
import { newOptimizer, optimizerNames } from '../trainingFields.ts';

/** One value that a factor takes in a study. */
export interface Level {
  readonly label: string;
  readonly apply: (spec: Spec) => void;
}

/** One thing that a study changes, while everything else stays the same. */
export interface Factor {
  readonly id: string;
  readonly label: string;
  readonly help: string;
  /** Values to choose from, or numbers to type. */
  readonly levels:
    | { readonly kind: 'choice'; readonly all: readonly Level[]; readonly first: readonly string[] }
    | {
        readonly kind: 'numbers';
        readonly first: (spec: Spec) => string;
        readonly least: number;
        readonly most: number;
        readonly integer: boolean;
        readonly apply: (spec: Spec, value: number) => void;
      };
}

const initialisers = [
  ['he', 'He'],
  ['glorot', 'Glorot'],
  ['lecun', 'LeCun'],
  ['orthogonal', 'Orthogonal'],
  ['lsuv', 'LSUV'],
] as const satisfies readonly (readonly [InitializerKind, string])[];

function initialise(spec: Spec, kind: InitializerKind): void {
  spec.model.nodes = spec.model.nodes.map((node) =>
    node.layer === 'dense' || node.layer === 'conv2d' ? { ...node, props: { ...node.props, weightInit: kind } } : node,
  );
}

export const factors: readonly Factor[] = [
  {
    id: 'batchNorm',
    label: 'Batch normalisation',
    help: 'Across the whole network: taken out, or put before or behind each activation.',
    levels: {
      kind: 'choice',
      first: ['none', 'before'],
      all: (['none', 'before', 'after'] as const).map((place) => ({
        label: place,
        apply: (spec) => (spec.model.batchNorm = place),
      })),
    },
  },
  {
    id: 'dropout',
    label: 'Dropout rate',
    help: 'Behind each activation but the last; 0 takes dropout out.',
    levels: {
      kind: 'numbers',
      first: () => '0, 0.2, 0.5',
      least: 0,
      most: 1,
      integer: false,
      apply: (spec, value) => (spec.model.dropout = value),
    },
  },
  {
    id: 'learningRate',
    label: 'Learning rate',
    help: 'Of the optimiser, before the schedule.',
    levels: {
      kind: 'numbers',
      first: ({ training }) =>
        [0.3, 1, 3]
          .map((factor) => setting(Number((training.optimizer.learningRate * factor).toPrecision(2))))
          .join(', '),
      least: 0,
      most: 1e6,
      integer: false,
      apply: (spec, value) => (spec.training.optimizer.learningRate = value),
    },
  },
  {
    id: 'batchSize',
    label: 'Batch size',
    help: 'Images per step. With a length in epochs, smaller batches make more steps.',
    levels: {
      kind: 'numbers',
      first: () => '16, 64, 256',
      least: 1,
      most: 65_536,
      integer: true,
      apply: (spec, value) => (spec.training.batchSize = value),
    },
  },
  {
    id: 'optimizer',
    label: 'Optimiser',
    help: 'Each with its usual settings and its usual rate; tune the rate of each before you believe a difference.',
    levels: {
      kind: 'choice',
      first: ['SGD', 'Adam'],
      all: (Object.keys(optimizerNames) as (keyof typeof optimizerNames)[]).map((kind) => ({
        label: optimizerNames[kind],
        apply: (spec) => (spec.training.optimizer = structuredClone(newOptimizer[kind])),
      })),
    },
  },
  {
    id: 'initialiser',
    label: 'Initialiser',
    help: 'Of the weights of every dense layer and convolution.',
    levels: {
      kind: 'choice',
      first: ['He', 'Glorot'],
      all: initialisers.map(([kind, label]) => ({ label, apply: (spec) => initialise(spec, kind) })),
    },
  },
  {
    id: 'trainImages',
    label: 'Training images',
    help: 'How many images of the training split are used.',
    levels: {
      kind: 'numbers',
      first: () => '1000, 5000, 20000',
      least: 1,
      most: 1e9,
      integer: true,
      apply: (spec, value) => (spec.data.trainImages = value),
    },
  },
];

export const mostArms = 12;

/** "0.01, 0.1" as levels of a factor; the fault says what is wrong, in one sentence. */
export function parseLevels(factor: Factor, text: string): { levels: Level[]; fault: string | null } {
  const { levels } = factor;
  if (levels.kind === 'choice') return { levels: [], fault: null };
  const found: Level[] = [];
  for (const part of text.split(/[,;\s]+/).filter(Boolean)) {
    const { value, fault } = parseNumber(part, { min: levels.least, max: levels.most, integer: levels.integer });
    if (value === null) return { levels: [], fault: `“${part}”: ${fault ?? 'not a number'}.` };
    const label = setting(value);
    if (found.every((level) => level.label !== label)) {
      found.push({ label, apply: (spec) => levels.apply(spec, value) });
    }
  }
  return { levels: found, fault: null };
}

/** The specs of a study's arms: the base with one level each, named by it. */
export function armsOf(base: Spec, factor: Factor, levels: readonly Level[]): { label: string; spec: Spec }[] {
  return levels.map((level) => {
    const spec = structuredClone(base);
    level.apply(spec);
    spec.name = `${base.name || 'Untitled'}, ${factor.label.toLowerCase()} ${level.label}`.slice(0, 200);
    return { label: level.label, spec };
  });
}
