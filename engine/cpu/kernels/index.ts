import type { OpName } from '../../ops/op.ts';
import type { OpInstance } from '../../plan/plan.ts';
import type { KernelContext } from '../step.ts';
import { activation, activationGrad } from './activation.ts';
import { add } from './add.ts';
import { batchNorm, batchNormGrad, batchNormInference, batchNormInferenceGrad } from './batchNorm.ts';
import { accumulate, takeAccumulated } from './accumulate.ts';
import { clipGradientNorm, clipGradientValue, l1Penalty } from './clip.ts';
import { conv2d, conv2dGradInput, conv2dGradWeight } from './conv.ts';
import { dropout, dropoutMask } from './dropout.ts';
import { elementwiseLoss } from './elementwiseLoss.ts';
import { augmentImages } from './augment.ts';
import { gatherImages, gatherLabels, gatherRows, scatterRows } from './gather.ts';
import { groupNorm, groupNormGrad } from './groupNorm.ts';
import type { CpuKernel } from './kernel.ts';
import { layerNorm, layerNormGrad } from './layerNorm.ts';
import { linear, linearGradInput, linearGradWeight } from './linear.ts';
import { countCorrect, record, softmaxCrossEntropy } from './loss.ts';
import { summarise } from './summarise.ts';
import { mixRows } from './mixRows.ts';
import { multiMarginLoss } from './multiMarginLoss.ts';
import { adagradUpdate, adamaxUpdate, adamUpdate, nadamUpdate, rmspropUpdate, sgdUpdate } from './optimizer.ts';
import { noise, scaleShift } from './noise.ts';
import { avgPool2d, avgPool2dGrad, globalAvgPool2d, globalAvgPool2dGrad, maxPool2d, maxPool2dGrad } from './pool.ts';
import { resize, resizeGrad } from './resize.ts';
import { compare, copy } from './compare.ts';
import { concat, concatGrad, flatten, flattenGrad } from './reshape.ts';
import { logSoftmax, logSoftmaxGrad, softmax, softmaxGrad } from './softmax.ts';

/** One kernel per op; a missing one fails the type check. */
export const kernels: { readonly [N in OpName]: CpuKernel<N> } = {
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
  l1Penalty,
  accumulate,
  takeAccumulated,
  summarise,
  compare,
  copy,
};

/** The steps of one op of a plan. */
export function lowerToSteps(instance: OpInstance, context: KernelContext): void {
  // The union of kernels and the union of instances correspond by `op`; the compiler cannot see that.
  const kernel = kernels[instance.op] as (instance: OpInstance, context: KernelContext) => void;
  kernel(instance, context);
}
