import type { Precision } from '../backend.ts';
import type { TensorId } from '../ops/op.ts';
import type { TensorSpec } from '../plan/plan.ts';
import type { Shape } from '../tensor.ts';
import type { Expr, Func, Local } from './asm/func.ts';
import type { Module } from './asm/module.ts';
import { bytesPerElement, type Layout } from './layout.ts';

/** A piece of memory. Its address is known once all steps are, before any code is emitted. */
export interface Buffer {
  readonly name: string;
  readonly bytes: number;
  /** Address; of a buffer private to each thread: offset in the thread's scratch memory. */
  address: number;
  /**
   * Shared by all threads, or private to each because its rows live only within one task: one row at a time ('row'), or
   * a slice of them. A tensor that lives only inside a fused group of ops has no memory ('none').
   */
  place: 'shared' | 'row' | 'slice' | 'none';
}

/** A tensor of the plan in this backend's memory; several may share a buffer. */
export interface Placed {
  readonly spec: TensorSpec;
  readonly shape: Shape;
  readonly layout: Layout;
  readonly buffer: Buffer;
}

/**
 * Use of a buffer by a step. `byRow` means that rows from..to of the step touch only their own part of it, `movable` that
 * they find it through `RowScope.address` alone, so that the rows may lie in a thread's own memory.
 */
export interface Access {
  readonly buffer: Buffer;
  readonly byRow: boolean;
  readonly movable: boolean;
  readonly rowBytes: number;
  /** Lives from the first row of a slice to its last, found through `RowScope.sliceMemory`. */
  readonly wholeSlice?: boolean;
}

export function byRow(of: Placed | Buffer): Access {
  return { buffer: 'buffer' in of ? of.buffer : of, byRow: true, movable: false, rowBytes: 0 };
}

export function ownRows(of: Placed): Access {
  return { buffer: of.buffer, byRow: true, movable: true, rowBytes: rowBytes(of) };
}

/** Memory that a row step keeps from row to row of a slice, and that no other step touches. */
export function ownSlice(buffer: Buffer): Access {
  return { buffer, byRow: true, movable: true, rowBytes: 0, wholeSlice: true };
}

export function whole(of: Placed | Buffer): Access {
  return { buffer: 'buffer' in of ? of.buffer : of, byRow: false, movable: false, rowBytes: 0 };
}

export function rowBytes({ layout, spec }: Placed): number {
  return layout.rowSize * bytesPerElement[spec.dtype];
}

export function wholeIf(of: Placed | undefined): Access[] {
  return of ? [whole(of)] : [];
}

interface StepBase {
  /** Op, and part of it where it takes several steps. */
  readonly name: string;
  readonly reads: readonly Access[];
  readonly writes: readonly Access[];
  /** Rough time of the whole step on one thread, in nanoseconds; decides only how work is spread. */
  readonly cost: number;
}

export interface RowScope {
  readonly f: Func;
  readonly module: Module;
  /** Rows from <= row < to, all of one slice. */
  readonly from: Local;
  readonly to: Local;
  /** Number of the slice (see `sliceCount`). */
  readonly slice: Local;
  /** Address of this thread's scratch memory. */
  readonly scratch: Local;
  /** Address of row `from` of the tensor; the rows up to `to` follow. */
  address(of: Placed): Expr;
  /** Address of a buffer that the step accesses as `ownSlice`. */
  sliceMemory(of: Buffer): Expr;
}

/**
 * Work on the rows (images) of a batch, each on its own. Steps that follow one another row by row run as one, without
 * a barrier between them and while the rows are in the cache. Row ranges never cross a slice.
 */
export interface RowStep extends StepBase {
  readonly kind: 'rows';
  readonly rows: number;
  /** 'image': called row by row; 'matrix': called with as many rows as can be had (whole slices). */
  readonly unit: 'image' | 'matrix';
  emit(scope: RowScope): void;
}

export interface TaskScope {
  readonly f: Func;
  readonly module: Module;
  /** 0 <= task < count */
  readonly task: Local;
  readonly scratch: Local;
}

/** Work cut into a fixed number of independent tasks. */
export interface TaskStep extends StepBase {
  readonly kind: 'tasks';
  readonly count: number;
  emit(scope: TaskScope): void;
}

export type Step = RowStep | TaskStep;

/** What a kernel sees of the compilation. */
export interface KernelContext {
  readonly precision: Precision;
  /** The transforms of every 3x3 convolution, by their points (none: the direct product), where a measurement chooses them. */
  readonly winogradPoints: readonly number[] | undefined;
  tensor(id: TensorId): Placed;
  optional(id: TensorId | undefined): Placed | undefined;
  /** Memory for the time between the first and the last step that use it. */
  workspace(name: string, bytes: number): Buffer;
  /** Makes sure that every thread's scratch memory has this many bytes. */
  needScratch(bytes: number): void;
  step(step: Step): void;
}

/**
 * Number of slices of a batch: a function of the number of rows alone, so sums over slices are the same for any number
 * of threads. Between 8 and 16 (fewer for few rows), even, as equal as possible, in tiles of nearly 6 rows.
 */
export function sliceCount(rows: number): number {
  if (rows <= 8) return Math.max(rows, 1);
  let best = 8;
  let bestScore = -1;
  for (let count = 8; count <= Math.min(rows, 16); count += 2) {
    const most = Math.ceil(rows / count);
    const balance = rows / (most * count);
    const tiles = most / (6 * Math.ceil(most / 6));
    const score = balance * balance * (0.5 + 0.5 * tiles);
    if (score > bestScore + 1e-9) {
      best = count;
      bestScore = score;
    }
  }
  return best;
}

/** First row of a slice. */
export function sliceStart(rows: number, slice: number): number {
  return Math.floor((slice * rows) / sliceCount(rows));
}

/** The row counts that slices have: one or two numbers. */
export function sliceSizes(rows: number): number[] {
  const count = sliceCount(rows);
  const low = Math.floor(rows / count);
  return rows % count === 0 ? [low] : [low, low + 1];
}

/** The same in generated code. */
export function emitSliceStart(f: Func, rows: number, slice: () => void): () => void {
  return f.i32.divU(f.i32.mul(slice, rows), sliceCount(rows));
}
