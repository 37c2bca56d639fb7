import type { OpName } from '../../ops/op.ts';
import type { ReferenceKernel } from '../kernel.ts';
import { activation, activationGrad } from './activation.ts';
import { batchNorm, batchNormGrad, batchNormInference, batchNormInferenceGrad } from './batchNorm.ts';
import { conv2d, conv2dGradInput, conv2dGradWeight } from './conv2d.ts';
import { dropout, dropoutMask } from './dropout.ts';
import { elementwiseLoss } from './elementwiseLoss.ts';
import { augmentImages } from './augment.ts';
import { gatherImages, gatherLabels, gatherRows, scatterRows } from './gather.ts';
import { groupNorm, groupNormGrad, layerNorm, layerNormGrad } from './groupNorm.ts';
import { linear, linearGradInput, linearGradWeight } from './linear.ts';
import { countCorrect, softmaxCrossEntropy } from './loss.ts';
import { mixRows } from './mixRows.ts';
import { multiMarginLoss } from './multiMarginLoss.ts';
import { accumulate, takeAccumulated } from './accumulate.ts';
import { clipGradientNorm, clipGradientValue, l1Penalty } from './gradients.ts';
import { adagradUpdate, adamaxUpdate, adamUpdate, nadamUpdate, rmspropUpdate, sgdUpdate } from './optimizers.ts';
import { avgPool2d, avgPool2dGrad, globalAvgPool2d, globalAvgPool2dGrad, maxPool2d, maxPool2dGrad } from './pool2d.ts';
import { resize, resizeGrad } from './resize.ts';
import { noise, scaleShift } from './noise.ts';
import { record } from './record.ts';
import { add, concat, concatGrad, flatten, flattenGrad } from './shape.ts';
import { compare, copy, summarise } from './summarise.ts';
import { logSoftmax, logSoftmaxGrad, softmax, softmaxGrad } from './softmax.ts';

/** One kernel per op; a missing one fails the type check. */
export const kernels: { readonly [N in OpName]: ReferenceKernel<N> } = {
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
