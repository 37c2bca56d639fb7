import type { TensorSpec } from '../plan/plan.ts';
import { sizeOf } from '../tensor.ts';

const bytesOfElement = { f32: 4, i32: 4, u8: 1 } as const;
const bytesOfHalf = 2;

/** Bytes of a tensor's values on the device, in whole words. */
export function bytesOf(spec: Pick<TensorSpec, 'shape' | 'dtype'>, isHalf = false): number {
  return Math.ceil((sizeOf(spec.shape) * (isHalf ? bytesOfHalf : bytesOfElement[spec.dtype])) / 4) * 4;
}
