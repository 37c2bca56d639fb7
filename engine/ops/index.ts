import type { OpInstance, OpInstanceOf } from '../plan/plan.ts';
import { accumulate, takeAccumulated } from './accumulate.ts';
import { activation, activationGrad } from './activation.ts';
import { adagradUpdate } from './adagradUpdate.ts';
import { adamUpdate } from './adamUpdate.ts';
import { adamaxUpdate } from './adamaxUpdate.ts';
import { add } from './add.ts';
import { avgPool2d, avgPool2dGrad } from './avgPool2d.ts';
import { batchNorm, batchNormGrad } from './batchNorm.ts';
import { batchNormInference, batchNormInferenceGrad } from './batchNormInference.ts';
import { clipGradientNorm, clipGradientValue } from './clipGradient.ts';
import { compare } from './compare.ts';
import { concat, concatGrad } from './concat.ts';
import { conv2d, conv2dGradInput, conv2dGradWeight } from './conv2d.ts';
import { copy } from './copy.ts';
import { countCorrect } from './countCorrect.ts';
import type { GradientContext, OpCheck, OpDefinition } from './definition.ts';
import { dropout, dropoutMask } from './dropout.ts';
import { elementwiseLoss } from './elementwiseLoss.ts';
import { flatten, flattenGrad } from './flatten.ts';
import { augmentImages, gatherImages, gatherLabels, gatherRows, scatterRows } from './gather.ts';
import { globalAvgPool2d, globalAvgPool2dGrad } from './globalAvgPool2d.ts';
import { groupNorm, groupNormGrad } from './groupNorm.ts';
import { l1Penalty } from './l1Penalty.ts';
import { layerNorm, layerNormGrad } from './layerNorm.ts';
import { linear, linearGradInput, linearGradWeight } from './linear.ts';
import { maxPool2d, maxPool2dGrad } from './maxPool2d.ts';
import { nadamUpdate } from './nadamUpdate.ts';
import { mixRows } from './mixRows.ts';
import { multiMarginLoss } from './multiMarginLoss.ts';
import { noise, scaleShift } from './noise.ts';
import type { OpName, TensorId } from './op.ts';
import { record } from './record.ts';
import { resize, resizeGrad } from './resize.ts';
import { rmspropUpdate } from './rmspropUpdate.ts';
import { sgdUpdate } from './sgdUpdate.ts';
import { logSoftmax, logSoftmaxGrad, softmax, softmaxGrad } from './softmax.ts';
import { softmaxCrossEntropy } from './softmaxCrossEntropy.ts';
import { summarise } from './summarise.ts';

/** Every op's shape rule, in-place inputs and gradient. */
export const ops: { readonly [N in OpName]: OpDefinition<N> } = {
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

// The name of an instance picks the definition for its own type; the type checker cannot follow that through a union.
const definitionOf = (instance: OpInstance): OpDefinition<OpName> =>
  ops[instance.op] as unknown as OpDefinition<OpName>;
const own = (instance: OpInstance): OpInstanceOf<OpName> => instance;

export function verifyOp(instance: OpInstance, check: OpCheck): void {
  definitionOf(instance).verify(own(instance), check);
}

/** Inputs that the op also writes. */
export function inPlaceOf(instance: OpInstance): readonly TensorId[] {
  return definitionOf(instance).inPlace(own(instance));
}

/** Emits the op's backward ops; false if nothing is differentiated through it. */
export function emitGradient(instance: OpInstance, context: GradientContext): boolean {
  const { gradient } = definitionOf(instance);
  if (gradient === null) return false;
  gradient(own(instance), context);
  return true;
}

export const isDifferentiable = (instance: OpInstance): boolean => definitionOf(instance).gradient !== null;
