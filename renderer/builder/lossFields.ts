/** Losses by name, with their settings as fields of a form. */
import type { Spec } from '../../lab/contract/spec.ts';
import type { TrainingField } from './trainingFields.ts';

export type Loss = Spec['training']['loss'];

interface LossChoice<K extends Loss['kind']> {
  readonly label: string;
  readonly help: string;
  /** A fresh one. */
  readonly loss: Extract<Loss, { kind: K }>;
}

export const losses: { readonly [K in Loss['kind']]: LossChoice<K> } = {
  crossEntropy: {
    label: 'Cross entropy',
    help: 'Of the softmax of the outputs: the usual one for classes.',
    loss: { kind: 'crossEntropy', labelSmoothing: 0 },
  },
  mse: {
    label: 'Mean squared error',
    help: 'Outputs against 1 for the class and 0 for the others.',
    loss: { kind: 'mse' },
  },
  mae: {
    label: 'Mean absolute error',
    help: 'Like the squared error, but what is far off counts less.',
    loss: { kind: 'mae' },
  },
  huber: {
    label: 'Huber',
    help: 'Squared error up to delta, absolute error from there.',
    loss: { kind: 'huber', delta: 1 },
  },
  binaryCrossEntropy: {
    label: 'Binary cross entropy',
    help: 'Each class by itself: yes or no.',
    loss: { kind: 'binaryCrossEntropy' },
  },
  hinge: {
    label: 'Hinge',
    help: 'The right class has to lead every other one by the margin.',
    loss: { kind: 'hinge', p: 1, margin: 1 },
  },
};

export const lossFields: Readonly<Record<string, TrainingField>> = {
  labelSmoothing: {
    kind: 'number',
    label: 'Label smoothing',
    min: 0,
    max: 0.99,
    help: 'This share of each target goes to all classes alike.',
  },
  delta: { kind: 'number', label: 'Delta', min: 0, open: true },
  margin: { kind: 'number', label: 'Margin', min: 0, open: true },
  p: { kind: 'number', label: 'Power', min: 1, max: 2, integer: true, help: '2: the squared hinge.' },
};
