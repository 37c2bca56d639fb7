import { l2Norm } from './gradientNorm.ts';
import { summarise } from './summary.ts';

export interface UpdateRatio {
  /** norm(update) / norm(weight); about 1e-3 is usual for a network that learns well. */
  readonly l2Ratio: number;
  /** The same of standard deviations. */
  readonly stdRatio: number;
}

/** How large a step is beside the weights that it moves. Infinity or NaN for weights that are all 0. */
export function updateRatio(weight: ArrayLike<number>, update: ArrayLike<number>): UpdateRatio {
  return {
    l2Ratio: l2Norm(update) / l2Norm(weight),
    stdRatio: summarise(update, []).std / summarise(weight, []).std,
  };
}
