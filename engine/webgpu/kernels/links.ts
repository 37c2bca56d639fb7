import type { OpName } from '../../ops/op.ts';
import type { OpInstance } from '../../plan/plan.ts';
import type { GpuContext } from '../kernel.ts';
import { activationGradValue, activationValue } from './activation.ts';
import { batchNormInferenceGradValue, batchNormInferenceValue } from './batchNorm.ts';
import type { Elementwise, ElementwiseOf } from './elementwise.ts';
import { dropoutValue, scaleShiftValue } from './random.ts';
import { addValue } from './shape.ts';

const values: { readonly [N in OpName]?: ElementwiseOf<N> } = {
  activation: activationValue,
  activationGrad: activationGradValue,
  dropout: dropoutValue,
  scaleShift: scaleShiftValue,
  add: addValue,
  batchNormInference: batchNormInferenceValue,
  batchNormInferenceGrad: batchNormInferenceGradValue,
};

/** An op that fuse.ts has linked to another, as what is computed of one element. */
export function elementwiseOf(instance: OpInstance, context: Pick<GpuContext, 'tensor' | 'optional'>): Elementwise {
  // The union of definitions and the union of instances correspond by `op`; the compiler cannot see that.
  const value = values[instance.op] as (
    instance: OpInstance,
    context: Pick<GpuContext, 'tensor' | 'optional'>,
  ) => Elementwise;
  return value(instance, context);
}
