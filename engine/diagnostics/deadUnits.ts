import type { Shape } from '../tensor.ts';
import { countPerUnit, unitsOf } from './units.ts';

export interface DeadUnits {
  /** 1 for a unit that is 0 for every sample and at every place. */
  readonly dead: Uint8Array;
  readonly deadFraction: number;
  readonly zeroFractionPerUnit: Float64Array;
}

/** Units of a ReLU's output x [N, U] or [N, C, H, W] that no sample makes fire: their weights get no gradient. */
export function deadUnits(x: ArrayLike<number>, shape: Shape): DeadUnits {
  const { count, perUnit } = unitsOf(x, shape);
  const zeros = countPerUnit(x, shape, (value) => value === 0);
  const dead = Uint8Array.from(zeros, (each) => (each === perUnit ? 1 : 0));
  return {
    dead,
    deadFraction: dead.reduce((sum, each) => sum + each, 0) / count,
    zeroFractionPerUnit: zeros.map((each) => each / perUnit),
  };
}
