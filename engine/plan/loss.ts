import type { Mode } from '../layers/layer.ts';
import type { TensorId } from '../ops/op.ts';
import type { LossSettings } from '../train/settings.ts';
import type { PlanBuilder } from './builder.ts';
import type { Targets } from './forward.ts';
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

export interface TrainingLoss {
  readonly segment: string;
  /** In front of the names of what is between. */
  readonly prefix: string;
  readonly logits: TensorId;
  readonly targets: Targets;
  readonly classWeight: TensorId | undefined;
  readonly loss: TensorId;
  readonly dlogits: TensorId;
  /** Left out: nobody asks for the hits. */
  readonly correct?: TensorId;
}

/**
 * Appends the loss of a training batch. Of mixed images it is weight L(labels) + (1 - weight) L(labels of the partners), and its gradient
 * and the hits are made up in the same way.
 */
export function appendTrainingLoss(builder: PlanBuilder, settings: LossSettings, options: TrainingLoss): void {
  const { segment, prefix, logits, targets, classWeight, loss, dlogits, correct } = options;
  const phase = 'loss';
  const measure = (target: TensorId, into: Pick<TrainingLoss, 'loss' | 'dlogits' | 'correct'>): void => {
    const outputs = { loss: into.loss, dlogits: into.dlogits };
    builder.op(segment, lossOp(settings, 'train', { logits, target, classWeight, ...outputs }));
    if (into.correct === undefined) return;
    const hits = { correct: into.correct };
    builder.op(segment, { op: 'countCorrect', attrs: {}, inputs: { logits, target }, outputs: hits, phase });
  };
  const { target, mixed } = targets;
  if (mixed === undefined) {
    measure(target, options);
    return;
  }
  const parts = (['own', 'partner'] as const).map((name) => {
    const part = (of: TensorId, what: string): TensorId =>
      builder.tensor(`${prefix}loss.${what}.${name}`, builder.shape(of), 'f32', 'activation');
    const into = {
      loss: part(loss, 'value'),
      dlogits: part(dlogits, 'dlogits'),
      ...(correct !== undefined && { correct: part(correct, 'correct') }),
    };
    measure(name === 'own' ? target : mixed.target, into);
    return into;
  });
  for (const [name, y] of Object.entries({ loss, dlogits, ...(correct !== undefined && { correct }) })) {
    const [a, b] = parts.map((part) => part[name as keyof typeof part]!) as [TensorId, TensorId];
    const inputs = { a, b, weight: mixed.weight };
    builder.op(segment, { op: 'mixRows', attrs: { shift: 0 }, inputs, outputs: { y }, phase });
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
