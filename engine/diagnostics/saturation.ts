import type { Shape } from '../tensor.ts';
import { countPerUnit, unitsOf } from './units.ts';

export interface Saturation {
  readonly fraction: number;
  readonly fractionPerUnit: Float64Array;
}

export interface SaturationOptions {
  readonly activation: 'sigmoid' | 'tanh';
  /** How near to a limit counts as saturated. Default 0.05. */
  readonly margin?: number;
}

const lowerLimit = { sigmoid: 0, tanh: -1 } as const;

/**
 * The share of an activation's outputs y [N, U] or [N, C, H, W] that lie within `margin` of either of its limits, where its
 * derivative is nearly 0 (Glorot and Bengio 2010).
 */
export function saturation(
  y: ArrayLike<number>,
  shape: Shape,
  { activation, margin = 0.05 }: SaturationOptions,
): Saturation {
  const { perUnit } = unitsOf(y, shape);
  const low = lowerLimit[activation] + margin;
  const high = 1 - margin;
  const counts = countPerUnit(y, shape, (value) => value < low || value > high);
  return {
    fraction: counts.reduce((sum, each) => sum + each, 0) / y.length,
    fractionPerUnit: counts.map((each) => each / perUnit),
  };
}
