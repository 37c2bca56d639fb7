import type { TensorId } from '../ops/op.ts';
import type { OpInstance } from '../plan/plan.ts';
import { updateLists } from './updateLists.ts';

/** What an op's kernel asks of a tensor's layout; 'any' is content with whatever the others want. */
export type LayoutNeed = 'any' | 'planeOrNatural' | 'natural' | 'raw' | 'row' | 'linearWeight' | 'convWeight';

export interface LayoutNeeds {
  /** Needs other than 'any'. */
  readonly of: ReadonlyMap<TensorId, LayoutNeed>;
  /** Lists of tensors that must lie alike. */
  readonly alike: readonly (readonly TensorId[])[];
}

type Wanted = readonly [TensorId | undefined, LayoutNeed];

function needs(wanted: readonly Wanted[], alike: LayoutNeeds['alike'] = []): LayoutNeeds {
  const of = new Map<TensorId, LayoutNeed>();
  for (const [id, need] of wanted) if (id !== undefined) of.set(id, need);
  return { of, alike: alike.filter((ids) => ids.length > 1) };
}

function naturals(...ids: readonly (TensorId | undefined)[]): Wanted[] {
  return ids.map((id) => [id, 'natural'] as const);
}

function transposed(lists: readonly (readonly TensorId[])[]): TensorId[][] {
  return (lists[0] ?? []).map((_, i) => lists.flatMap((list) => (list[i] === undefined ? [] : [list[i]])));
}

function defined(...ids: readonly (TensorId | undefined)[]): TensorId[] {
  return ids.filter((id) => id !== undefined);
}

/** Two images, both planes or neither. */
function imagesAlike(a: TensorId, b: TensorId): LayoutNeeds {
  return needs(
    [
      [a, 'planeOrNatural'],
      [b, 'planeOrNatural'],
    ],
    [[a, b]],
  );
}

/** Rows that are moved as they lie. */
function rowsAlike(
  { rows, indices }: { readonly rows: TensorId; readonly indices: TensorId },
  x: TensorId,
): LayoutNeeds {
  return needs(
    [
      [indices, 'raw'],
      [rows, 'planeOrNatural'],
      [x, 'planeOrNatural'],
    ],
    [[rows, x]],
  );
}

/** The layouts that each op's kernel is written for. */
export function layoutNeeds(instance: OpInstance): LayoutNeeds {
  switch (instance.op) {
    case 'gatherImages': {
      const { pixels, indices, offset, scale } = instance.inputs;
      return needs([
        [pixels, 'raw'],
        [indices, 'raw'],
        [offset, 'raw'],
        [scale, 'raw'],
        [instance.outputs.x, 'planeOrNatural'],
      ]);
    }
    case 'augmentImages': {
      const { pixels, indices, augmentation, offset, scale } = instance.inputs;
      return needs([
        [pixels, 'raw'],
        [indices, 'raw'],
        [augmentation, 'raw'],
        [offset, 'raw'],
        [scale, 'raw'],
        [instance.outputs.x, 'planeOrNatural'],
      ]);
    }
    case 'gatherRows':
      return rowsAlike(instance.inputs, instance.outputs.x);
    case 'scatterRows':
      return rowsAlike(instance.inputs, instance.inputs.x);
    case 'gatherLabels':
      return needs([[instance.inputs.labels, 'raw']]);
    case 'linear': {
      const { x, weight, bias } = instance.inputs;
      return needs([[weight, 'linearWeight'], ...naturals(x, bias, instance.outputs.y)]);
    }
    case 'linearGradInput':
      return needs([[instance.inputs.weight, 'linearWeight'], ...naturals(instance.inputs.dy, instance.outputs.dx)]);
    case 'linearGradWeight': {
      const { dweight, dbias } = instance.outputs;
      return needs([[dweight, 'linearWeight'], ...naturals(instance.inputs.x, instance.inputs.dy, dbias)]);
    }
    case 'conv2d': {
      const { x, weight, bias } = instance.inputs;
      const image: LayoutNeed = instance.attrs.groups === 1 ? 'planeOrNatural' : 'natural';
      return needs([[weight, 'convWeight'], [x, image], ...naturals(bias, instance.outputs.y)]);
    }
    case 'conv2dGradInput':
      return needs([[instance.inputs.weight, 'convWeight'], ...naturals(instance.inputs.dy, instance.outputs.dx)]);
    case 'conv2dGradWeight': {
      const { dweight, dbias } = instance.outputs;
      const image: LayoutNeed = instance.attrs.groups === 1 ? 'planeOrNatural' : 'natural';
      return needs([[dweight, 'convWeight'], [instance.inputs.x, image], ...naturals(instance.inputs.dy, dbias)]);
    }
    case 'maxPool2d':
      return needs(naturals(instance.inputs.x, instance.outputs.y, instance.outputs.indices));
    case 'maxPool2dGrad':
      return needs(naturals(instance.inputs.x, instance.inputs.y, instance.inputs.dy, instance.outputs.dx));
    case 'avgPool2d':
    case 'globalAvgPool2d':
      return needs(naturals(instance.inputs.x, instance.outputs.y));
    case 'avgPool2dGrad':
    case 'globalAvgPool2dGrad':
      return needs(naturals(instance.inputs.dy, instance.outputs.dx));
    case 'flatten':
      return needs([[instance.inputs.x, 'planeOrNatural'], ...naturals(instance.outputs.y)]);
    case 'flattenGrad':
      return needs([[instance.outputs.dx, 'planeOrNatural'], ...naturals(instance.inputs.dy)]);
    case 'batchNorm': {
      const { x, gamma, beta, runningMean, runningVar } = instance.inputs;
      const { y, batchMean, batchVar } = instance.outputs;
      return needs(naturals(x, gamma, beta, runningMean, runningVar, y, batchMean, batchVar));
    }
    case 'batchNormGrad': {
      const { x, dy, gamma, batchMean, batchVar } = instance.inputs;
      const { dx, dgamma, dbeta } = instance.outputs;
      return needs(naturals(x, dy, gamma, batchMean, batchVar, dx, dgamma, dbeta));
    }
    case 'batchNormInference': {
      const { x, gamma, beta, runningMean, runningVar } = instance.inputs;
      return needs(naturals(x, gamma, beta, runningMean, runningVar, instance.outputs.y));
    }
    case 'batchNormInferenceGrad': {
      const { x, dy, gamma, runningMean, runningVar } = instance.inputs;
      const { dx, dgamma, dbeta } = instance.outputs;
      return needs(naturals(x, dy, gamma, runningMean, runningVar, dx, dgamma, dbeta));
    }
    case 'groupNorm': {
      const { x, gamma, beta } = instance.inputs;
      const { y, mean, variance } = instance.outputs;
      return needs(naturals(x, gamma, beta, y, mean, variance));
    }
    case 'groupNormGrad': {
      const { x, dy, gamma, mean, variance } = instance.inputs;
      const { dx, dgamma, dbeta } = instance.outputs;
      return needs(naturals(x, dy, gamma, mean, variance, dx, dgamma, dbeta));
    }
    case 'layerNorm': {
      const { x, gamma, beta } = instance.inputs;
      const { y, mean, variance } = instance.outputs;
      return needs([[gamma, 'row'], [beta, 'row'], ...naturals(x, y, mean, variance)]);
    }
    case 'layerNormGrad': {
      const { x, dy, gamma, mean, variance } = instance.inputs;
      const { dx, dgamma, dbeta } = instance.outputs;
      const rows: Wanted[] = [
        [gamma, 'row'],
        [dgamma, 'row'],
        [dbeta, 'row'],
      ];
      return needs([...rows, ...naturals(x, dy, mean, variance, dx)]);
    }
    case 'resize':
      return imagesAlike(instance.inputs.x, instance.outputs.y);
    case 'resizeGrad':
      return imagesAlike(instance.inputs.dy, instance.outputs.dx);
    case 'dropoutMask':
      return needs(naturals(instance.outputs.mask));
    case 'dropout': {
      const { x, mask } = instance.inputs;
      const { y } = instance.outputs;
      return needs(naturals(x, mask, y), [[x, y]]);
    }
    case 'noise':
      return needs(naturals(instance.outputs.scale, instance.outputs.shift));
    case 'scaleShift': {
      const { x, scale, shift } = instance.inputs;
      return needs(naturals(x, scale, shift, instance.outputs.y));
    }
    case 'activation':
      return needs([], [[instance.inputs.x, instance.outputs.y]]);
    case 'activationGrad': {
      const { x, y, dy } = instance.inputs;
      return needs([], [defined(x, y, dy, instance.outputs.dx)]);
    }
    case 'add':
      return needs([], [[instance.inputs.a, instance.inputs.b, instance.outputs.y]]);
    case 'mixRows': {
      const { a, b, weight } = instance.inputs;
      return needs([[weight, 'raw']], [[a, b, instance.outputs.y]]);
    }
    case 'concat':
      return needs(naturals(...instance.inputs.xs, instance.outputs.y));
    case 'concatGrad':
      return needs(naturals(...instance.outputs.dxs, instance.inputs.dy));
    case 'softmax':
    case 'logSoftmax':
      return needs(naturals(instance.inputs.x, instance.outputs.y));
    case 'softmaxGrad':
    case 'logSoftmaxGrad':
      return needs(naturals(instance.inputs.y, instance.inputs.dy, instance.outputs.dx));
    case 'elementwiseLoss': {
      const { prediction, target } = instance.inputs;
      return needs(naturals(prediction, target, instance.outputs.dprediction));
    }
    case 'multiMarginLoss':
      return needs(naturals(instance.inputs.logits, instance.outputs.dlogits));
    case 'softmaxCrossEntropy':
      return needs(naturals(instance.inputs.logits, instance.inputs.classWeight, instance.outputs.dlogits));
    case 'countCorrect':
      return needs(naturals(instance.inputs.logits));
    case 'record':
      return needs([[instance.inputs.history, 'raw']]);
    case 'summarise': {
      const { statistics, percentiles, histogram, inside } = instance.outputs;
      const raw: Wanted[] = [statistics, percentiles, histogram, inside].map((id) => [id, 'raw']);
      return needs(inside === undefined ? raw : [[instance.inputs.x, 'natural'], ...raw]);
    }
    case 'compare':
      return needs([[instance.outputs.result, 'raw']], [[instance.inputs.a, instance.inputs.b]]);
    case 'copy':
    case 'sgdUpdate':
    case 'adamUpdate':
    case 'rmspropUpdate':
    case 'adagradUpdate':
    case 'adamaxUpdate':
    case 'nadamUpdate':
    case 'clipGradientNorm':
    case 'clipGradientValue':
    case 'l1Penalty':
    case 'accumulate':
    case 'takeAccumulated':
      return needs([], transposed(updateLists(instance)));
  }
}
