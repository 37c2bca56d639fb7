import type { Func, Local } from '../asm/func.ts';
import type { Module } from '../asm/module.ts';
import {
  emitTile,
  evenTiles,
  packedRow,
  panelBytes,
  runsOf,
  tileLocals,
  tileRows,
  tileVectors,
  tileWidths,
  type TileLocals,
} from './microkernel.ts';

/** C[m, n] = sum over k of A[m, k] B[k, n] (+ bias[n]). All steps in bytes. */
export interface GemmSpec {
  readonly depth: number;
  /** Columns of C in vectors of 4. */
  readonly vectors: number;
  readonly aRow: number;
  readonly aStep: number;
  /** B in panels (see `packedSize`), or rows `bStep` bytes apart. */
  readonly packed: boolean;
  readonly bStep: number;
  readonly cRow: number;
  readonly bias: boolean;
  /** C grows by the product instead of becoming it. */
  readonly accumulate?: boolean;
}

function key(spec: GemmSpec): string {
  return `gemm ${Object.values(spec).join(' ')}`;
}

/** Cuts `count` rows into register tiles and emits them for every panel of B, which so is read once per call. */
function emitRows(
  f: Func,
  spec: GemmSpec,
  count: number,
  pointers: readonly Local[],
  locals: TileLocals,
  most: number,
): void {
  const [a, b, c, bias, from, to] = pointers as [Local, Local, Local, Local, Local, Local];
  for (const { size: vectors, times } of runsOf(tileWidths(spec.vectors, most))) {
    f.times(times, () => {
      f.set(from, a);
      f.set(to, c);
      const loops = [{ count: spec.depth, a: spec.aStep, b: spec.packed ? packedRow(vectors) : spec.bStep }];
      const tile = { vectors, aRow: spec.aRow, loops, ...(spec.packed && { bPanel: panelBytes(spec.depth) }) };
      for (const { size: rows, times: tiles } of runsOf(evenTiles(count, tileRows))) {
        const accumulators = locals.accumulators.slice(0, rows);
        f.times(tiles, () => {
          accumulators.forEach((row, i) => {
            for (let v = 0; v < vectors; v++) {
              if (spec.accumulate) f.set(row[v]!, f.load(to, i * spec.cRow + 16 * v));
              else f.set(row[v]!, spec.bias ? f.load(bias, 16 * v) : f.vec(0));
            }
          });
          emitTile(f, { rows, ...tile }, from, b, locals);
          accumulators.forEach((row, i) => {
            for (let v = 0; v < vectors; v++) f.store(to, i * spec.cRow + 16 * v, row[v]!);
          });
          f.inc(from, rows * spec.aRow);
          f.inc(to, rows * spec.cRow);
        });
      }
      f.inc(b, spec.packed ? spec.depth * 16 * vectors : 16 * vectors);
      f.inc(c, 16 * vectors);
      if (spec.bias) f.inc(bias, 16 * vectors);
    });
  }
}

/** gemm(a, b, c, bias, rows): `rows` must be one of `counts`; each is cut into its own register tiles. */
export function gemmCore(module: Module, spec: GemmSpec, counts: readonly number[]): Func {
  return module.core(`${key(spec)} ${counts.join()}`, ['i32', 'i32', 'i32', 'i32', 'i32'], (f) => {
    const [a, b, c, bias, rows] = f.params() as [Local, Local, Local, Local, Local];
    const [from, to] = f.locals('i32', 2) as [Local, Local];
    const most = tileVectors(module);
    const locals = tileLocals(f, Math.min(tileRows, Math.max(...counts)), Math.min(most, spec.vectors), 1);
    for (const count of new Set(counts)) {
      f.if(f.i32.eq(rows, count), () => emitRows(f, spec, count, [a, b, c, bias, from, to], locals, most));
    }
  });
}

/**
 * pack(source, target, panel): copies panel number `panel` of a matrix of `depth` rows, `row` bytes apart, into panel order.
 */
export function packCore(module: Module, depth: number, vectors: number, row: number): Func {
  return module.core(`pack ${depth} ${vectors} ${row}`, ['i32', 'i32', 'i32'], (f) => {
    const [source, target, panel] = f.params() as [Local, Local, Local];
    const k = f.local('i32');
    f.inc(source, f.i32.mul(panel, 32));
    f.inc(target, f.i32.mul(panel, 32 * depth));
    const copy = (width: number): void =>
      f.for(k, 0, depth, 1, () => {
        for (let v = 0; v < width; v++) f.store(target, 16 * v, f.load(source, 16 * v));
        f.inc(source, row);
        f.inc(target, 16 * width);
      });
    if (vectors % 2 === 0) copy(2);
    else
      f.if(
        f.i32.eq(panel, (vectors - 1) / 2),
        () => copy(1),
        () => copy(2),
      );
  });
}

/**
 * packTransposed(source, target, panel): the same for the transpose, B[k, n] = source[n, k] with `row` bytes between the
 * rows n of the source. Columns n past `columns` become zero. Target rows are depthStep apart in panel rows.
 */
export function packTransposedCore(module: Module, depth: number, columns: number, row: number): Func {
  return module.core(`packT ${depth} ${columns} ${row}`, ['i32', 'i32', 'i32'], (f) => {
    const [source, target, panel] = f.params() as [Local, Local, Local];
    const k = f.local('i32');
    const [r0, r1, r2, r3, t0, t1, t2, t3] = f.locals('v128', 8) as [
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
    ];
    f.inc(source, f.i32.mul(panel, 8 * row));
    f.inc(target, f.i32.mul(panel, 32 * depth));
    const block = (present: number, v: number, width: number): void => {
      const at = 4 * v * row;
      const row4 = (i: number) => (4 * v + i < present ? f.load(source, at + i * row) : f.vec(0));
      [r0, r1, r2, r3].forEach((r, i) => f.set(r, row4(i)));
      f.set(t0, f.shuffle(r0, r1, [0, 4, 1, 5]));
      f.set(t1, f.shuffle(r2, r3, [0, 4, 1, 5]));
      f.set(t2, f.shuffle(r0, r1, [2, 6, 3, 7]));
      f.set(t3, f.shuffle(r2, r3, [2, 6, 3, 7]));
      f.store(target, 16 * v, f.shuffle(t0, t1, [0, 1, 4, 5]));
      f.store(target, 16 * (v + width), f.shuffle(t0, t1, [2, 3, 6, 7]));
      f.store(target, 16 * (v + 2 * width), f.shuffle(t2, t3, [0, 1, 4, 5]));
      f.store(target, 16 * (v + 3 * width), f.shuffle(t2, t3, [2, 3, 6, 7]));
    };
    const copy = (present: number): void => {
      const width = Math.ceil(Math.min(present, 8) / 4);
      f.for(k, 0, depth >> 2, 1, () => {
        for (let v = 0; v < width; v++) block(present, v, width);
        f.inc(source, 16);
        f.inc(target, 64 * width);
      });
      for (let rest = 0; rest < depth % 4; rest++) {
        for (let n = 0; n < 4 * width; n++) {
          f.storeF32(
            target,
            rest * 16 * width + 4 * n,
            n < present ? f.loadF32(source, n * row + 4 * rest) : f.float(0),
          );
        }
      }
    };
    const last = columns % 8;
    if (last === 0) copy(8);
    else
      f.if(
        f.i32.eq(panel, columns >> 3),
        () => copy(last),
        () => copy(8),
      );
  });
}

export function panelCount(columns: number): number {
  return Math.ceil(columns / 8);
}
