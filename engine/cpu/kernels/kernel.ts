import type { OpInstanceOf } from '../../plan/plan.ts';
import type { OpName } from '../../ops/op.ts';
import type { KernelContext } from '../step.ts';

/** Turns one op into steps: what they read and write, how the work is cut, and the code. */
export type CpuKernel<N extends OpName> = (instance: OpInstanceOf<N>, context: KernelContext) => void;

/** Nanoseconds for `flops` multiply-adds times two at the speed of the tuned loops. */
export function flopCost(flops: number): number {
  return flops / 40;
}

/** Nanoseconds to stream `bytes` through simple vector code. */
export function streamCost(bytes: number): number {
  return bytes / 12;
}

/** Nanoseconds for scalar code. */
export function scalarCost(operations: number): number {
  return operations * 1.5;
}
