import type { Shape } from '../tensor.ts';
import type { ParameterSpec } from './layer.ts';

/** Properties that the normalisations of single images share. */
export const normProps = {
  eps: {
    kind: 'number',
    label: 'Epsilon',
    help: 'Added to the variance, against division by zero.',
    default: 1e-5,
    min: 1e-12,
    max: 1,
  },
  affine: {
    kind: 'boolean',
    label: 'Gamma and beta',
    help: 'Whether it learns a scale (from 1) and a shift (from 0).',
    default: true,
  },
} as const;

interface NormProps {
  readonly eps: number;
  readonly affine: boolean;
}

/** gamma and beta of this shape. */
export function normParameters({ affine }: NormProps, shape: Shape): readonly ParameterSpec[] {
  const fans = { fanIn: 1, fanOut: 1 };
  return affine
    ? [
        { name: 'gamma', shape, initializer: { kind: 'constant', value: 1 }, ...fans },
        { name: 'beta', shape, initializer: { kind: 'zeros' }, ...fans },
      ]
    : [];
}

export const describeNorm = ({ eps, affine }: NormProps): readonly string[] => [
  ...(eps === 1e-5 ? [] : [`eps ${eps}`]),
  ...(affine ? [] : ['no gamma and beta']),
];

/** The fault of a normalisation that would turn every value into 0. */
export const oneValue = (self: string, remedy: string): string =>
  `${self} would normalise single values, which makes each of them 0; ${remedy}.`;
