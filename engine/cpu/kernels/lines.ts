import type { Expr, Func, Local } from '../asm/func.ts';
import type { Placed } from '../step.ts';

/** Which of the four values of vector `v` of a row of `count` values are real: -1 in their lanes, 0 in padding. */
function laneMask(f: Func, v: number, count: number): Expr {
  const lane = (i: number): number => (4 * v + i < count ? -1 : 0);
  return f.ivec([lane(0), lane(1), lane(2), lane(3)]);
}

/**
 * Calls `body` for every vector of a row of `count` values that begins at `at` (bytes), with the vector's place in `v`; the mask
 * is null but for a last vector with padding.
 */
export function eachVectorOf(f: Func, v: Local, at: Expr, count: number, body: (mask: Expr | null) => void): void {
  const whole = Math.floor(count / 4);
  if (whole > 0) f.for(v, at, f.i32.add(at, 16 * whole), 16, () => body(null));
  if (count % 4 === 0) return;
  f.set(v, f.i32.add(at, 16 * whole));
  body(laneMask(f, whole, count));
}

/**
 * How the lines along one axis lie in a row (an image) of a natural tensor. Along channels a line is a stretch of vectors, whose
 * lanes belong together; along an image axis four lines lie side by side in the lanes of vectors at a distance.
 */
export interface Lines {
  readonly key: string;
  /** Whether the lanes of a line's vectors belong together. */
  readonly across: boolean;
  /** Calls `body` for the beginning of every line (or four of them), in bytes from the beginning of the row, in `at`. */
  each(f: Func, at: Local, body: () => void): void;
  /** Calls `body` for every vector of the line at `at`, with its place in `v`; the mask as in `eachVectorOf`. */
  eachVector(f: Func, v: Local, at: Local, body: (mask: Expr | null) => void): void;
}

export function linesAlong({ shape, layout }: Placed, axis: number): Lines {
  const count = shape[axis]!;
  const rowBytes = 4 * layout.rowSize;
  const key = `${shape.slice(1).join('x')} axis ${axis}`;
  if (axis === 1) {
    return {
      key,
      across: true,
      each: (f, at, body) => f.for(at, 0, rowBytes, 4 * layout.pixel, body),
      eachVector: (f, v, at, body) => eachVectorOf(f, v, at, count, body),
    };
  }
  const step = 4 * layout.strides[axis]!;
  return {
    key,
    across: false,
    each: (f, at, body) => {
      const outer = f.local('i32');
      f.for(outer, 0, rowBytes, step * count, () => f.for(at, outer, f.i32.add(outer, step), 16, body));
    },
    eachVector: (f, v, at, body) => f.for(v, at, f.i32.add(at, step * count), step, () => body(null)),
  };
}

/** All lanes = the largest of them. */
export function spreadLargest(f: Func, vector: Local): void {
  f.set(vector, f.v.max(vector, f.shuffle(vector, vector, [2, 3, 0, 1])));
  f.set(vector, f.v.max(vector, f.shuffle(vector, vector, [1, 0, 3, 2])));
}

/** All lanes = their sum. `spare` is overwritten. */
export function spreadSum(f: Func, vector: Local, spare: Local): void {
  f.set(vector, f.v.splat(f.sumLanes(vector, spare)));
}
