/** Logical shape of a tensor. Images are [N, C, H, W], features [N, F], weights [out, in] or [out, in/groups, kH, kW]. */
export type Shape = readonly number[];

export type DType = 'f32' | 'i32' | 'u8';

/** Host-side values of a tensor, always dense and row-major in the logical shape, whatever layout a backend keeps. */
export type TensorValues = Float32Array | Int32Array | Uint8Array;

/** Number of elements of `shape`; 1 for the scalar shape []. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** "64×3×28×28"; "scalar" for []. */
export function formatShape(shape: Shape): string {
  return shape.length === 0 ? 'scalar' : shape.join('×');
}
