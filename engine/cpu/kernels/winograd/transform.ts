import type { Expr, Func, Local } from '../../asm/func.ts';
import type { Matrix } from './matrices.ts';

/** A value of a transform; null is zero, and nothing is emitted for it. */
export type Value = Expr | null;

function isExact(value: number): boolean {
  return Math.fround(value) === value;
}

/** Sum of coefficient times value; the first term with coefficient 1 begins it. */
function weighted(f: Func, terms: readonly { readonly factor: number; readonly value: Value }[]): Value {
  const present = terms.filter(({ factor, value }) => factor !== 0 && value !== null) as {
    factor: number;
    value: Expr;
  }[];
  const [first, ...rest] = [...present].sort((a, b) => Number(b.factor === 1) - Number(a.factor === 1));
  if (!first) return null;
  const start = first.factor === 1 ? first.value : f.v.mul(f.vec(first.factor), first.value);
  return rest.reduce<Expr>((sum, { factor, value }) => {
    if (factor === 1) return f.v.add(sum, value);
    if (factor === -1) return f.v.sub(sum, value);
    return factor > 0 ? f.madd(f.vec(factor), value, sum) : f.nmadd(f.vec(-factor), value, sum);
  }, start);
}

function isSame(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-12 * Math.abs(a);
}

/** Pairs of lines that differ by the sign of their odd entries, as points p and -p give them; lines without partner alone. */
function pairs(matrix: Matrix): (readonly [number] | readonly [number, number])[] {
  const left = new Set(matrix.keys());
  const result: (readonly [number] | readonly [number, number])[] = [];
  for (const i of left) {
    const partner = [...left].find(
      (j) => j > i && matrix[j]!.every((c, k) => isSame(c, (k % 2 ? -1 : 1) * matrix[i]![k]!)),
    );
    left.delete(i);
    if (partner === undefined) result.push([i]);
    else {
      left.delete(partner);
      result.push([i, partner]);
    }
  }
  return result;
}

const tempCount = 4;

/**
 * result[i] = sum over k of matrix[i][k] values[k] for a matrix whose rows come in pairs: the even and the odd part are summed
 * once for both. `values` are used several times, `put` must take each result at once.
 */
function expand(
  f: Func,
  matrix: Matrix,
  values: readonly Value[],
  put: (i: number, value: Value) => void,
  temps: readonly Local[],
): void {
  const hold = (temp: Local, value: Value): Value => {
    if (value === null) return null;
    f.set(temp, value);
    return temp;
  };
  for (const [i, partner] of pairs(matrix)) {
    const row = matrix[i]!;
    const terms = (parity: number, divisor: number) =>
      row.map((c, k) => ({ factor: k % 2 === parity ? c / divisor : 0, value: values[k] ?? null }));
    if (partner === undefined) {
      put(
        i,
        weighted(
          f,
          row.map((factor, k) => ({ factor, value: values[k] ?? null })),
        ),
      );
      continue;
    }
    const odd = row.filter((c, k) => k % 2 === 1 && c !== 0);
    const divisor = odd.find((c) => odd.every((other) => isExact(other / c))) ?? odd[0]!;
    const even = hold(temps[0]!, weighted(f, terms(0, 1)));
    const half = hold(temps[1]!, weighted(f, terms(1, divisor)));
    const one = (sign: number): Value =>
      weighted(f, [
        { factor: 1, value: even },
        { factor: sign * divisor, value: half },
      ]);
    put(i, one(1));
    put(partner, one(-1));
  }
}

/** The same for a matrix whose columns come in pairs: sums and differences of the paired values serve all rows. */
function contract(
  f: Func,
  matrix: Matrix,
  values: readonly Value[],
  put: (i: number, value: Value) => void,
  temps: readonly Local[],
  rows: number,
): void {
  const columns = matrix[0]!.map((_, k) => matrix.map((row) => row[k]!));
  let used = 0;
  const parts = pairs(columns).map(([k, partner]) => {
    const value = values[k]!;
    if (partner === undefined) return { even: value, odd: value, column: k };
    const even = temps[used++]!;
    const odd = temps[used++]!;
    f.set(even, f.v.add(value, values[partner]!));
    f.set(odd, f.v.sub(value, values[partner]!));
    return { even, odd, column: k };
  });
  for (let i = 0; i < rows; i++) {
    const terms = parts.map(({ even, odd, column }) => ({
      factor: matrix[i]![column]!,
      value: i % 2 === 0 ? even : odd,
    }));
    put(i, weighted(f, terms));
  }
}

export interface Transform2d {
  readonly matrix: Matrix;
  /** Whether rows ('expand': inputs, filters) or columns ('contract': outputs, filter gradients) of the matrix come in pairs. */
  readonly kind: 'expand' | 'contract';
  /** Value at row i and column j; null where it is known to be zero. */
  readonly load: (i: number, j: number) => Value;
  /** Takes the result at row i and column j. */
  readonly store: (i: number, j: number, value: Expr) => void;
  /** Rows and columns of the result that are wanted; default all. */
  readonly rows?: number;
  readonly columns?: number;
}

/** The vectors that `emitTransform` works in, for one matrix shape. */
export interface TransformSpace {
  readonly column: readonly Local[];
  readonly middle: readonly (readonly Local[])[];
  readonly temps: readonly Local[];
}

export function transformSpace(f: Func, matrix: Matrix): TransformSpace {
  const from = matrix[0]!.length;
  return {
    column: f.locals('v128', from),
    middle: matrix.map(() => f.locals('v128', from)),
    temps: f.locals('v128', tempCount),
  };
}

/** result = matrix * values * matrix^T for four channels at a time: first down the columns, then along the rows. */
export function emitTransform(f: Func, transform: Transform2d, space: TransformSpace): void {
  const { matrix, kind, rows = matrix.length, columns = matrix.length } = transform;
  const from = matrix[0]!.length;
  const line = (values: readonly Value[], count: number, put: (i: number, value: Value) => void): void => {
    if (kind === 'contract') contract(f, matrix, values, put, space.temps, count);
    else expand(f, matrix, values, put, space.temps);
  };
  const middle: Value[][] = matrix.map(() => new Array<Value>(from).fill(null));
  for (let j = 0; j < from; j++) {
    const values = matrix[0]!.map((_, i): Value => {
      const value = transform.load(i, j);
      if (value === null) return null;
      f.set(space.column[i]!, value);
      return space.column[i]!;
    });
    line(values, rows, (i, value) => {
      if (value === null) return;
      f.set(space.middle[i]![j]!, value);
      middle[i]![j] = space.middle[i]![j]!;
    });
  }
  for (let i = 0; i < rows; i++) {
    line(middle[i]!, columns, (j, value) => transform.store(i, j, value ?? f.vec(0)));
  }
}
