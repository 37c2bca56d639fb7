/** The one thing that is changed when a run is forked: numbers that a trained network can go on with. */
import type { Spec } from '../../lab/contract/spec.ts';

export interface ForkChange {
  readonly id: string;
  readonly label: string;
  readonly unit?: string;
  readonly least: number;
  readonly most?: number;
  /** Greater than `least`. */
  readonly open?: boolean;
  readonly integer?: boolean;
  /** Null: there is nothing of the kind in this spec. */
  readonly value: (spec: Spec) => number | null;
  readonly apply: (spec: Spec, value: number) => void;
}

export const forkChanges: readonly ForkChange[] = [
  {
    id: 'learningRate',
    label: 'Learning rate',
    least: 0,
    open: true,
    value: ({ training }) => training.optimizer.learningRate,
    apply: (spec, value) => (spec.training.optimizer.learningRate = value),
  },
  {
    id: 'batchSize',
    label: 'Batch size',
    unit: 'images',
    least: 1,
    most: 65_536,
    integer: true,
    value: ({ training }) => training.batchSize,
    apply: ({ training }, value) => (training.batchSize = value),
  },
  {
    id: 'weightDecay',
    label: 'Weight decay',
    least: 0,
    value: ({ training }) => training.optimizer.weightDecay,
    apply: ({ training }, value) => (training.optimizer.weightDecay = value),
  },
  {
    id: 'momentum',
    label: 'Momentum',
    least: 0,
    most: 0.999999,
    value: ({ training: { optimizer } }) => ('momentum' in optimizer ? optimizer.momentum : null),
    apply: ({ training: { optimizer } }, value) => {
      if ('momentum' in optimizer) optimizer.momentum = value;
    },
  },
  {
    id: 'l1',
    label: 'L1 penalty',
    least: 0,
    value: ({ training }) => training.l1,
    apply: ({ training }, value) => (training.l1 = value),
  },
  {
    id: 'trainImages',
    label: 'Training images',
    unit: 'images',
    least: 1,
    integer: true,
    value: ({ data }) => data.trainImages,
    apply: ({ data }, value) => (data.trainImages = value),
  },
];

/** How long a run is, or its last stage, which is where it can be made longer. */
export function lengthOf({ training }: Spec): { label: string; value: number; unit: 'epochs' | 'steps' } {
  const last = training.stages.at(-1);
  const length = last?.length ?? training.length;
  return {
    label: last ? (training.stages.length > 1 ? 'Last stage takes' : 'Stage takes') : 'Train for',
    ...('epochs' in length
      ? { value: length.epochs, unit: 'epochs' as const }
      : { value: length.steps, unit: 'steps' as const }),
  };
}

export function setLength({ training }: Spec, value: number): void {
  const of = training.stages.at(-1) ?? training;
  of.length = 'epochs' in of.length ? { epochs: value } : { steps: Math.max(1, Math.round(value)) };
}
