import type { Shape } from '../tensor.ts';
import { sizeOf } from '../tensor.ts';

/** Values of a layer's output by unit: x [N, U, ...]; a unit is a feature, or a channel with all its places. */
export interface Units {
  readonly count: number;
  /** Values per unit: samples times places. */
  readonly perUnit: number;
}

/** Throws RangeError when the values are not those of the shape, or the shape has no axis of units. */
export function unitsOf(x: ArrayLike<number>, shape: Shape): Units {
  const [samples, count] = shape;
  if (samples === undefined || count === undefined || sizeOf(shape) !== x.length) {
    throw new RangeError(`Units need values of a shape [N, U, ...]; ${x.length} values are not ${shape.join('×')}.`);
  }
  return { count, perUnit: x.length / count };
}

/** For each unit, how many of its values satisfy `test`. */
export function countPerUnit(x: ArrayLike<number>, shape: Shape, test: (value: number) => boolean): Float64Array {
  const { count } = unitsOf(x, shape);
  const places = sizeOf(shape.slice(2));
  const counts = new Float64Array(count);
  for (let i = 0; i < x.length; i++) if (test(x[i]!)) counts[Math.floor(i / places) % count]!++;
  return counts;
}
