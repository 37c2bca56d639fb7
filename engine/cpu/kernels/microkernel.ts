import type { Expr, Func, Local } from '../asm/func.ts';
import type { Module } from '../asm/module.ts';

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
  /** Bytes between the panels of two vectors that B is packed in; left out: its rows lie whole. */
  readonly bPanel?: number;
}

/**
 * Largest register tile: 6 rows of 8 columns, that is 12 accumulators, 2 vectors of B and 1 splat of A in the 16
 * registers of x64. One spilled accumulator costs 40 %.
 */
export const tileRows = 6;
/** Vectors of a panel of packed B. */
const panelVectors = 2;
const unroll = 4;

/**
 * Vectors (of 4 columns) of the widest tile. Where V8 joins neighbouring vectors to ones of 256 bits (`wide`), a tile takes two
 * panels at once and still fits the registers.
 */
export function tileVectors({ options }: Module): number {
  return options.wide ? 2 * panelVectors : panelVectors;
}

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
  const { bPanel = 16 * panelVectors } = spec;
  const vectorAt = (v: number): number => Math.floor(v / panelVectors) * bPanel + 16 * (v % panelVectors);
  const step = (turn: number): void => {
    for (let v = 0; v < spec.vectors; v++) f.set(locals.columns[v]!, f.load(locals.b, turn * inner.b + vectorAt(v)));
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

/** Widths of the tiles that `vectors` vectors of columns are cut into: as many of `most` as there are, then 2 and 1. */
export function tileWidths(vectors: number, most: number): number[] {
  const widths: number[] = [];
  for (let rest = vectors; rest > 0; rest -= widths.at(-1)!) {
    widths.push(rest >= most ? most : rest >= panelVectors ? panelVectors : 1);
  }
  return widths;
}

/** Bytes from row to row in a panel of packed B, for a tile of so many vectors. */
export function packedRow(vectors: number): number {
  return 16 * Math.min(vectors, panelVectors);
}

/** Bytes of a full panel of packed B. */
export function panelBytes(depth: number): number {
  return 16 * panelVectors * depth;
}

/** Floats of a matrix packed in panels: each panel holds its `depth` rows one after the other. */
export function packedSize(depth: number, columns: number): number {
  return depth * ((columns + 3) & ~3);
}
