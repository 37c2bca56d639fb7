import type { Expr, Func, Local } from '../asm/func.ts';

/** One level of a reduction: `count` turns, with byte steps of both operands from turn to turn. */
export interface Reduction {
  readonly count: number;
  readonly a: number;
  readonly b: number;
}

export interface TileSpec {
  /** Rows and vectors (of 4 columns) of the register tile. */
  readonly rows: number;
  readonly vectors: number;
  /** Bytes between the rows of A. */
  readonly aRow: number;
  /** Outermost first. */
  readonly loops: readonly Reduction[];
}

/**
 * Largest register tile: 6 rows of 8 columns, that is 12 accumulators, 2 vectors of B and 1 splat of A in the 16
 * registers of x64. One spilled accumulator costs 40 %.
 */
export const tileRows = 6;
export const tileVectors = 2;
const unroll = 4;

export interface TileLocals {
  readonly accumulators: readonly (readonly Local[])[];
  readonly a: Local;
  readonly b: Local;
  readonly counters: readonly Local[];
  readonly columns: readonly Local[];
  readonly splat: Local;
}

export function tileLocals(f: Func, rows: number, vectors: number, depth: number): TileLocals {
  return {
    accumulators: Array.from({ length: rows }, () => f.locals('v128', vectors)),
    a: f.local('i32'),
    b: f.local('i32'),
    counters: f.locals('i32', depth),
    columns: f.locals('v128', vectors),
    splat: f.local('v128'),
  };
}

/** accumulators[i][v] += sum over all loops of A[i * aRow + ...] * B[... + 16 v .. + 16]; `a` and `b` are not changed. */
export function emitTile(f: Func, spec: TileSpec, a: Expr, b: Expr, locals: TileLocals): void {
  f.set(locals.a, a);
  f.set(locals.b, b);
  const last = spec.loops.length - 1;
  const inner = spec.loops[last]!;
  const step = (turn: number): void => {
    for (let v = 0; v < spec.vectors; v++) f.set(locals.columns[v]!, f.load(locals.b, turn * inner.b + 16 * v));
    for (let i = 0; i < spec.rows; i++) {
      f.set(locals.splat, f.loadSplat(locals.a, turn * inner.a + i * spec.aRow));
      for (let v = 0; v < spec.vectors; v++) {
        const sum = locals.accumulators[i]![v]!;
        f.set(sum, f.madd(locals.splat, locals.columns[v]!, sum));
      }
    }
  };
  const advance = (turns: number, level: Reduction): void => {
    f.inc(locals.a, turns * level.a);
    f.inc(locals.b, turns * level.b);
  };
  const emitLevel = (depth: number): void => {
    const level = spec.loops[depth]!;
    const counter = locals.counters[depth]!;
    if (depth === last) {
      const width = Math.min(unroll, level.count);
      const blocks = Math.floor(level.count / width);
      f.for(counter, 0, blocks, 1, () => {
        for (let turn = 0; turn < width; turn++) step(turn);
        advance(width, level);
      });
      const rest = level.count - blocks * width;
      for (let turn = 0; turn < rest; turn++) step(turn);
      if (rest > 0) advance(rest, level);
      return;
    }
    const below = spec.loops[depth + 1]!;
    f.for(counter, 0, level.count, 1, () => {
      emitLevel(depth + 1);
      f.inc(locals.a, level.a - below.count * below.a);
      f.inc(locals.b, level.b - below.count * below.b);
    });
  };
  emitLevel(0);
}

/** `count` cut into parts of at most `most`, as equal as possible: 28 = 6 + 6 + 6 + 5 + 5. */
export function evenTiles(count: number, most: number): number[] {
  const parts = Math.ceil(count / most);
  const low = Math.floor(count / parts);
  const larger = count - low * parts;
  return Array.from({ length: parts }, (_, i) => low + (i < larger ? 1 : 0));
}

/** Equal neighbours joined: [6, 6, 5] is [{ size: 6, times: 2 }, { size: 5, times: 1 }]. */
export function runsOf(sizes: readonly number[]): { size: number; times: number }[] {
  const runs: { size: number; times: number }[] = [];
  for (const size of sizes) {
    const last = runs.at(-1);
    if (last?.size === size) last.times++;
    else runs.push({ size, times: 1 });
  }
  return runs;
}

export interface Panel {
  /** First vector (of 4 columns). */
  readonly first: number;
  readonly vectors: number;
}

/** Columns cut into panels of two vectors, the last of one if there is an odd vector. */
export function panelsOf(vectors: number): Panel[] {
  const panels: Panel[] = [];
  for (let first = 0; first < vectors; first += tileVectors) {
    panels.push({ first, vectors: Math.min(tileVectors, vectors - first) });
  }
  return panels;
}

/** Floats of a matrix packed in panels: each panel holds its `depth` rows one after the other. */
export function packedSize(depth: number, columns: number): number {
  return depth * ((columns + 3) & ~3);
}
