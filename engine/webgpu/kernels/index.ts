import type { OpName } from '../../ops/op.ts';
import type { OpInstance } from '../../plan/plan.ts';
import type { GpuContext, GpuKernel } from '../kernel.ts';
import { accumulate, copy, takeAccumulated } from './accumulate.ts';
import { activation, activationGrad } from './activation.ts';
import { batchNorm, batchNormGrad, batchNormInference, batchNormInferenceGrad } from './batchNorm.ts';
import { conv2d, conv2dGradInput, conv2dGradWeight } from './conv2d.ts';
import { augmentImages, gatherImages, gatherLabels, gatherRows, scatterRows } from './gather.ts';
import { clipGradientNorm, clipGradientValue, l1Penalty } from './gradients.ts';
import { groupNorm, groupNormGrad, layerNorm, layerNormGrad } from './groupNorm.ts';
import { linear, linearGradInput, linearGradWeight } from './linear.ts';
import { countCorrect, elementwiseLoss, multiMarginLoss, softmaxCrossEntropy } from './losses.ts';
import { adagradUpdate, adamaxUpdate, adamUpdate, nadamUpdate, rmspropUpdate, sgdUpdate } from './optimizers.ts';
import { avgPool2d, avgPool2dGrad, globalAvgPool2d, globalAvgPool2dGrad, maxPool2d, maxPool2dGrad } from './pool.ts';
import { dropout, dropoutMask, noise, scaleShift } from './random.ts';
import { record } from './record.ts';
import { resize, resizeGrad } from './resize.ts';
import { add, concat, concatGrad, flatten, flattenGrad, mixRows } from './shape.ts';
import { compare, summarise } from './summarise.ts';
import { logSoftmax, logSoftmaxGrad, softmax, softmaxGrad } from './softmax.ts';

/** One kernel per op; a missing one fails the type check. */
export const kernels: { readonly [N in OpName]: GpuKernel<N> } = {
  gatherImages,
  augmentImages,
  gatherLabels,
  gatherRows,
  scatterRows,
  mixRows,
  linear,
  linearGradInput,
  linearGradWeight,
  conv2d,
  conv2dGradInput,
  conv2dGradWeight,
  maxPool2d,
  maxPool2dGrad,
  avgPool2d,
  avgPool2dGrad,
  globalAvgPool2d,
  globalAvgPool2dGrad,
  flatten,
  flattenGrad,
  batchNorm,
  batchNormGrad,
  batchNormInference,
  batchNormInferenceGrad,
  groupNorm,
  groupNormGrad,
  layerNorm,
  layerNormGrad,
  resize,
  resizeGrad,
  dropoutMask,
  dropout,
  noise,
  scaleShift,
  activation,
  activationGrad,
  add,
  concat,
  concatGrad,
  softmax,
  softmaxGrad,
  logSoftmax,
  logSoftmaxGrad,
  softmaxCrossEntropy,
  elementwiseLoss,
  multiMarginLoss,
  countCorrect,
  record,
  sgdUpdate,
  adamUpdate,
  rmspropUpdate,
  adagradUpdate,
  adamaxUpdate,
  nadamUpdate,
  clipGradientNorm,
  clipGradientValue,
  summarise,
  compare,
  copy,
  l1Penalty,
  accumulate,
  takeAccumulated,
};

/** The dispatches of one op of a plan. */
export function lowerToDispatches(instance: OpInstance, context: GpuContext): void {
  // The union of kernels and the union of instances correspond by `op`; the compiler cannot see that.
  const kernel = kernels[instance.op] as (instance: OpInstance, context: GpuContext) => void;
  kernel(instance, context);
}
