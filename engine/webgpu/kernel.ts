import type { OpName, TensorId } from '../ops/op.ts';
import type { OpInstanceOf } from '../plan/plan.ts';
import type { DType, Shape } from '../tensor.ts';
import type { GpuLimits } from './device.ts';
import type { Chunk, GpuView } from './memory.ts';

/** How an element lies in memory. Half precision (f16) is f32 to everybody who computes. */
export type StoredType = DType | 'f16';

/** Something a kernel can bind: a tensor of the plan, a part of it, workspace, or a table of constants. */
export interface GpuArray {
  readonly dtype: StoredType;
  /** Elements. */
  readonly size: number;
  readonly view: GpuView;
}

export interface GpuTensor extends GpuArray {
  readonly id: TensorId;
  readonly name: string;
  readonly shape: Shape;
}

type Bindings = Readonly<Record<string, GpuArray | undefined>>;

/**
 * One dispatch as a kernel declares it. In its code
 * - `emit_name(i, value)` gives element i of the one f32 tensor of `emit` its value: every element exactly once. What is computed
 *   from it element by element may follow there, before it goes to memory, or instead. Only what is emitted may lie in memory in
 *   half precision (half.ts);
 * - `name(i)` is element i of an array of `read` (f32, i32, or u32 from 0 to 255 for u8);
 * - `name[i]` is element i of one of `write` or `update`, of u8 arrays the word with elements 4i to 4i + 3;
 * - `group` (u32) is the number of the workgroup, `lid` (u32) that of the invocation in it.
 * Names bound to undefined do not exist in the code. Two names of `read` may be the same array; what is written is nothing else.
 */
export interface GpuDispatch {
  /** Names the kernel in errors and profiles. */
  readonly label: string;
  readonly read?: Bindings;
  /** Written whole, not read. */
  readonly write?: Bindings;
  readonly emit?: Readonly<Record<string, GpuTensor>>;
  /** Changed in place. */
  readonly update?: Bindings;
  /** Whole numbers (i32) that invocations count in at the same time, with atomicAdd(&name[i], ...). */
  readonly atomic?: Bindings;
  /** Declarations before `main`. */
  readonly functions?: string;
  /** The statements of `main`. Shapes and attributes stand in it as numbers. */
  readonly body: string;
  /** Invocations of a workgroup. */
  readonly threads: number;
  /** Workgroups; those of numbers from here on do nothing. */
  readonly groups: number;
}

/** What a backend may choose per adapter. */
export interface GpuTuning {
  /** Workgroups from which on the device is busy: less than that, and a long sum is split. */
  readonly busyGroups: number;
  /** Workgroups that share sums over channels: these wait for memory most of the time, so it takes more of them. */
  readonly sumGroups: number;
  /** Invocations that sum one row together, a power of two. */
  readonly rowThreads: number;
  /** Whether matrix tiles are shared through workgroup memory; on a processor, waiting for each other costs more than it saves. */
  readonly shared: boolean;
  /** Largest rows and columns of a matrix tile, powers of two. */
  readonly tile: number;
  /** Rows and columns of results that one invocation keeps in registers, at most. */
  readonly own: 1 | 2 | 4;
  /** Depth of a matrix tile. */
  readonly depth: number;
  /** Invocations of a subgroup that sums go through, a power of two; 0: they go through workgroup memory alone. */
  readonly subgroup: number;
  /** Extent of the tiles by which 3x3 convolutions of stride 1 are transformed (Winograd); 0: they are not. */
  readonly winograd: 0 | 2 | 4;
}

/** Where images of a data tensor are read from. `rows(n)` is the row of the n-th image of a list. */
export interface ImageSource {
  readonly pixels: GpuArray;
  readonly rows: GpuArray;
  /** Elements of `pixels` from row to row. */
  readonly stride: number;
  /** The rows that lie here; the others do in other sources. */
  readonly firstRow: number;
  readonly count: number;
}

/** What a kernel lowers an op with. */
export interface GpuContext {
  readonly limits: GpuLimits;
  readonly tuning: GpuTuning;
  tensor(id: TensorId): GpuTensor;
  optional(id: TensorId | undefined): GpuTensor | undefined;
  /** The parts of a data tensor that is too large for one binding. A tensor that is not has one part. */
  chunks(tensor: GpuTensor): readonly (Chunk & { readonly array: GpuArray })[];
  /** Where the images of a list lie: those of a data set in chunks in several places, all with the same rows. */
  images(pixels: GpuTensor, indices: GpuTensor): readonly ImageSource[];
  /** f32 memory that holds its values until the op ends. */
  workspace(size: number): GpuArray;
  /** A table that is written once, when the plan is compiled. */
  constants(values: Float32Array | Int32Array): GpuArray;
  dispatch(dispatch: GpuDispatch): void;
}

/** Turns an op into dispatches, which run in order, each after the one before has ended. */
export type GpuKernel<N extends OpName> = (instance: OpInstanceOf<N>, context: GpuContext) => void;
