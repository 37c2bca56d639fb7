import type { Shape, TensorValues } from '../../engine/tensor.ts';
import { formatShape, sizeOf } from '../../engine/tensor.ts';
import type { GoldenCase, NestedValues, Tolerance } from './cases.ts';

/** What the engine gives for an output. Float64Array marks a result in double precision, held to the tighter tolerance. */
export interface Output {
  readonly shape: Shape;
  readonly data: TensorValues | Float64Array;
}

/** The worst output of a failed case. */
export interface Failure {
  readonly id: string;
  readonly op: string;
  /** Name of the output; null when the case did not get as far as its outputs. */
  readonly output: string | null;
  /** Largest |y - g|, at the element that exceeds its tolerance most. null where it is not a number. */
  readonly worstError: number | null;
  readonly tolerance: Tolerance;
  readonly message: string;
}

/** Compares every output of the case by shape and values; undefined when all are within tolerance. */
export function compareCase(golden: GoldenCase, outputs: ReadonlyMap<string, Output>): Failure | undefined {
  let worst: Failure | undefined;
  let worstExcess = 0;
  for (const [name, expected] of golden.outputs) {
    const actual = outputs.get(name);
    const inDoubles = actual?.data instanceof Float64Array && Object.hasOwn(golden.values, name);
    const tolerance =
      (inDoubles ? golden.valuesTolerance : golden.tolerances[name]) ?? golden.tolerances[name] ?? golden.tolerance;
    const fail = (excess: number, worstError: number | null, message: string): void => {
      if (worst !== undefined && excess <= worstExcess) return;
      worstExcess = excess;
      worst = { id: golden.id, op: golden.op, output: name, worstError, tolerance, message };
    };
    if (actual === undefined) {
      fail(Infinity, null, `output "${name}" is missing`);
    } else if (formatShape(actual.shape) !== formatShape(expected.shape)) {
      fail(Infinity, null, `shape ${formatShape(actual.shape)}, expected ${formatShape(expected.shape)}`);
    } else if (actual.data.length !== sizeOf(actual.shape)) {
      fail(Infinity, null, `${actual.data.length} values for shape ${formatShape(actual.shape)}`);
    } else {
      const values = inDoubles ? doublesOf(golden.values[name]!) : expected.data;
      const found = worstElement(actual.data, values, tolerance);
      if (found !== undefined) {
        const { at, excess, error } = found;
        const message = `element ${at}: ${actual.data[at]} instead of ${values[at]}`;
        fail(excess, Number.isFinite(error) ? error : null, message);
      }
    }
  }
  return worst;
}

/** Row by row, as the tensors lie; null means undefined. */
function doublesOf(values: NestedValues): Float64Array {
  const list = Array.isArray(values) ? (values.flat(Infinity) as (number | null)[]) : [values as number | null];
  return Float64Array.from(list, (value) => value ?? NaN);
}

/** The element that exceeds its tolerance by the largest factor, or undefined when none does. */
function worstElement(
  actual: TensorValues | Float64Array,
  expected: TensorValues | Float64Array,
  tolerance: Tolerance,
): { at: number; excess: number; error: number } | undefined {
  let worst: { at: number; excess: number; error: number } | undefined;
  for (let at = 0; at < expected.length; at++) {
    const y = actual[at]!;
    const g = expected[at]!;
    const error = Math.abs(y - g);
    const allowed = tolerance.abs + tolerance.rel * Math.abs(g);
    if (Object.is(y, g) || error <= allowed) continue;
    // An error that is not a number (NaN or infinity where a number should be, or the reverse) is beyond any other.
    const excess = Number.isNaN(error) ? Infinity : error / Math.max(allowed, Number.MIN_VALUE);
    if (worst === undefined || excess > worst.excess) worst = { at, excess, error };
  }
  return worst;
}
