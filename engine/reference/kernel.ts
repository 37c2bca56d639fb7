import type { OpName, TensorId } from '../ops/op.ts';
import type { OpInstanceOf } from '../plan/plan.ts';
import type { Shape } from '../tensor.ts';

/** The tensors of a compiled plan as a kernel sees them: dense, row-major, in the logical shape. */
export interface TensorStore {
  shape(tensor: TensorId): Shape;
  f32(tensor: TensorId): Float32Array;
  i32(tensor: TensorId): Int32Array;
  u8(tensor: TensorId): Uint8Array;
  /**
   * Zeroed float64 workspace that belongs to `owner` (an op instance), made on its first run and kept.
   * An op that needs several takes one and splits it.
   */
  scratch(owner: object, size: number): Float64Array;
}

/** Computes one op: reads its inputs, writes its outputs whole. Sums run in float64 and are rounded once, when stored. */
export type ReferenceKernel<N extends OpName> = (instance: OpInstanceOf<N>, tensors: TensorStore) => void;
