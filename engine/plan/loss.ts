import type { Mode } from '../layers/layer.ts';
import type { TensorId } from '../ops/op.ts';
import type { LossSettings } from '../train/settings.ts';
import type { OpInstance } from './plan.ts';

export interface LossTensors {
  /** f32 [N, K] and i32 [N]. */
  readonly logits: TensorId;
  readonly target: TensorId;
  readonly classWeight: TensorId | undefined;
  readonly loss: TensorId;
  readonly dlogits?: TensorId;
}

/**
 * The op of a loss. In training it gives the mean over the batch. For evaluation it gives the sum over the images of the same
 * loss, but of the plain one: without label smoothing and class weights, so that runs which differ in those can be compared.
 */
export function lossOp(settings: LossSettings, mode: Mode, tensors: LossTensors): OpInstance {
  const { logits, target, classWeight, loss, dlogits } = tensors;
  const training = mode === 'train';
  const gradient = dlogits === undefined ? {} : { dlogits };
  const reduction = training ? 'mean' : 'sum';
  const phase = 'loss';
  switch (settings.kind) {
    case 'crossEntropy': {
      const weight = training && classWeight !== undefined ? { classWeight } : {};
      const attrs = { reduction, labelSmoothing: training ? settings.labelSmoothing : 0 } as const;
      const inputs = { logits, target, ...weight };
      return { op: 'softmaxCrossEntropy', attrs, inputs, outputs: { loss, ...gradient }, phase };
    }
    case 'hinge': {
      const { p, margin } = settings;
      const inputs = { logits, target };
      return { op: 'multiMarginLoss', attrs: { p, margin, reduction }, inputs, outputs: { loss, ...gradient }, phase };
    }
    default: {
      const delta = settings.kind === 'huber' ? { delta: settings.delta } : {};
      return {
        op: 'elementwiseLoss',
        attrs: { fn: settings.kind, reduction: training ? 'mean' : 'rowMeans', ...delta },
        inputs: { prediction: logits, target },
        outputs: { loss, ...(dlogits !== undefined && { dprediction: dlogits }) },
        phase,
      };
    }
  }
}

/** What is wrong with the loss of a model with `classes` outputs, in a sentence; undefined when nothing is. */
export function lossFault(settings: LossSettings, classes: number): string | undefined {
  if (settings.kind !== 'crossEntropy' || settings.classWeight === undefined) return undefined;
  const { classWeight } = settings;
  if (classWeight.length !== classes) {
    return `training.loss.classWeight has ${classWeight.length} weights, but the model ends in ${classes} classes; give one per class, or leave it out.`;
  }
  const wrong = classWeight.findIndex((weight) => !(weight > 0 && weight < Infinity));
  return wrong < 0 ? undefined : `training.loss.classWeight[${wrong}] is ${classWeight[wrong]}; weights are above 0.`;
}
