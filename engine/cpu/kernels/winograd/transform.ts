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

/** One line of results from one line of values. Each value is used at most once per group of `rowGroups`. */
type Line = (values: readonly Value[], rows: readonly number[], put: (i: number, value: Value) => void) => void;

/**
 * result[i] = sum over k of matrix[i][k] values[k] for a matrix whose rows come in pairs: the even and the odd part are summed
 * once for both.
 */
function expand(f: Func, matrix: Matrix, temps: readonly Local[]): Line {
  const hold = (temp: Local, value: Value): Value => {
    if (value === null) return null;
    f.set(temp, value);
    return temp;
  };
  return (values, rows, put) => {
    for (const [i, partner] of pairs(matrix)) {
      if (!rows.includes(i)) continue;
      const row = matrix[i]!;
      const sum = (include: (k: number) => boolean, divisor = 1): Value =>
        weighted(
          f,
          row.map((c, k) => ({ factor: include(k) ? c / divisor : 0, value: values[k] ?? null })),
        );
      if (partner === undefined) {
        put(
          i,
          sum(() => true),
        );
        continue;
      }
      const odd = row.filter((c, k) => k % 2 === 1 && c !== 0);
      const divisor = odd.find((c) => odd.every((other) => isExact(other / c))) ?? odd[0]!;
      const even = hold(
        temps[0]!,
        sum((k) => k % 2 === 0),
      );
      const half = hold(
        temps[1]!,
        sum((k) => k % 2 === 1, divisor),
      );
      for (const [result, sign] of [
        [i, 1],
        [partner, -1],
      ] as const) {
        const terms = [
          { factor: 1, value: even },
          { factor: sign * divisor, value: half },
        ];
        put(result, weighted(f, terms));
      }
    }
  };
}

/** The same for a matrix whose columns come in pairs: even rows take the sums of the paired values, odd rows the differences. */
function contract(f: Func, matrix: Matrix, temps: readonly Local[]): Line {
  const columns = matrix[0]!.map((_, k) => matrix.map((row) => row[k]!));
  return (values, rows, put) => {
    for (const parity of [0, 1]) {
      const wanted = rows.filter((i) => i % 2 === parity);
      if (wanted.length === 0) continue;
      let used = 0;
      const parts = pairs(columns).map(([k, partner]): { column: number; value: Value } => {
        const value = values[k] ?? null;
        const other = partner === undefined ? null : (values[partner] ?? null);
        if (value === null || other === null) return { column: k, value };
        const temp = temps[used++]!;
        f.set(temp, parity === 0 ? f.v.add(value, other) : f.v.sub(value, other));
        return { column: k, value: temp };
      });
      for (const i of wanted) {
        put(
          i,
          weighted(
            f,
            parts.map(({ column, value }) => ({ factor: matrix[i]![column]!, value })),
          ),
        );
      }
    }
  };
}

export interface Transform2d {
  readonly matrix: Matrix;
  /** Whether rows ('expand': inputs, filters) or columns ('contract': outputs, filter gradients) of the matrix come in pairs. */
  readonly kind: 'expand' | 'contract';
  /** Value at row i and column j; null where it is known to be zero. May be asked for more than once. */
  readonly load: (i: number, j: number) => Value;
  /** Takes the result at row i and column j. */
  readonly store: (i: number, j: number, value: Expr) => void;
  /** Rows and columns of the result that are wanted, if not all. */
  readonly rows?: number;
  readonly columns?: number;
}

/** Rows of the result that are computed together because they share sums. At most two: their values stay in registers. */
function rowGroups(matrix: Matrix, kind: Transform2d['kind'], rows: number): number[][] {
  const all = Array.from({ length: rows }, (_, i) => i);
  const lines = pairs(matrix).map((pair) => [...pair]);
  const singles = lines.filter(({ length }) => length === 1).flat();
  const groups =
    kind === 'contract'
      ? [0, 1].map((parity) => all.filter((i) => i % 2 === parity))
      : [singles, ...lines.filter(({ length }) => length === 2)];
  return groups.flatMap((group) => [group.slice(0, 2), group.slice(2, 4), group.slice(4)]).filter((g) => g.length > 0);
}

/** The vectors that `emitTransform` works in, for one matrix shape. */
export interface TransformSpace {
  readonly middle: readonly (readonly Local[])[];
  readonly temps: readonly Local[];
}

export function transformSpace(f: Func, matrix: Matrix): TransformSpace {
  const width = matrix[0]!.length;
  return {
    middle: Array.from({ length: 2 }, () => f.locals('v128', width)),
    temps: f.locals('v128', tempCount),
  };
}

/**
 * result = matrix * values * matrix^T for four channels at a time. Two rows of matrix * values at a time are kept: with all of
 * them the registers would spill, and stores are what a transform is short of.
 */
export function emitTransform(f: Func, transform: Transform2d, space: TransformSpace): void {
  const { matrix, kind, rows = matrix.length, columns = matrix.length } = transform;
  const width = matrix[0]!.length;
  const line = (kind === 'contract' ? contract : expand)(f, matrix, space.temps);
  const across = Array.from({ length: columns }, (_, j) => j);
  for (const group of rowGroups(matrix, kind, rows)) {
    const middle = group.map(() => new Array<Value>(width).fill(null));
    for (let j = 0; j < width; j++) {
      const values = matrix[0]!.map((_, i) => transform.load(i, j));
      line(values, group, (i, value) => {
        const place = group.indexOf(i);
        if (value === null) return;
        f.set(space.middle[place]![j]!, value);
        middle[place]![j] = space.middle[place]![j]!;
      });
    }
    group.forEach((i, place) => line(middle[place]!, across, (j, value) => transform.store(i, j, value ?? f.vec(0))));
  }
}
