import type { LossSettings, OptimizerSettings } from '../../../engine/index.ts';
import type { Spec } from '../../spec/schema.ts';
import { literal, named } from '../python/source.ts';

/** `loss_of(target, logits)` of one-hot targets, as it is trained, and `plain_loss` without label smoothing, as evaluations report it. */
export function kerasLoss(loss: LossSettings): string {
  if (loss.kind === 'crossEntropy' && loss.labelSmoothing > 0) {
    return `${lossOf(loss)}\nplain_loss = keras.losses.CategoricalCrossentropy(from_logits=True)`;
  }
  return `${lossOf(loss)}${loss.kind === 'hinge' ? '\n\n\n' : '\n'}plain_loss = loss_of`;
}

function lossOf(loss: LossSettings): string {
  switch (loss.kind) {
    case 'crossEntropy': {
      const smoothing = named({ label_smoothing: loss.labelSmoothing }, { label_smoothing: 0 });
      return `loss_of = keras.losses.CategoricalCrossentropy(from_logits=True${smoothing})`;
    }
    case 'mse':
      return 'loss_of = keras.losses.MeanSquaredError()';
    case 'mae':
      return 'loss_of = keras.losses.MeanAbsoluteError()';
    case 'huber':
      return `loss_of = keras.losses.Huber(delta=${literal(loss.delta)})`;
    case 'binaryCrossEntropy':
      return 'loss_of = keras.losses.BinaryCrossentropy(from_logits=True)';
    case 'hinge':
      return `def loss_of(target, logits):
    """Multi-margin loss."""
    right = ops.sum(target * logits, axis=-1, keepdims=True)
    missing = ops.maximum(${literal(loss.margin)} - right + logits, 0.0) ** ${loss.p}
    return ops.sum(missing * (1 - target), axis=-1) / len(CLASSES)`;
  }
}

/** `make_optimizer()`, and what of the lab's optimiser Keras does not have. */
export function kerasOptimizer({
  optimizer,
  clip,
  l1,
  accumulate,
}: Spec['training']): readonly [string, readonly string[]] {
  const parts = accumulate > 1 ? ', gradient_accumulation_steps=ACCUMULATE' : '';
  const limit = clip === null ? '' : 'norm' in clip ? `, global_clipnorm=${clip.norm}` : `, clipvalue=${clip.value}`;
  const [call, notes] = expression(optimizer);
  const penalty = optimizer.weightDecay > 0 || l1 > 0;
  return [
    `def make_optimizer():\n    return keras.optimizers.${call.replace(/\)$/, `${limit}${parts})`)}`,
    [
      ...notes,
      ...(penalty && !('decoupled' in optimizer && optimizer.decoupled && l1 === 0)
        ? [
            'Weight decay and L1 are penalties of kernels and biases here: part of the loss that is shown, and of what is clipped.',
          ]
        : []),
    ],
  ];
}

/** Factor of the squared weights: decoupled decay is the optimiser's own. */
export function penaltyOf({ optimizer, l1 }: Spec['training']): { readonly l1: number; readonly l2: number } {
  const decoupled = optimizer.kind === 'adam' && optimizer.decoupled;
  return { l1, l2: decoupled ? 0 : optimizer.weightDecay / 2 };
}

function expression(optimizer: OptimizerSettings): readonly [string, readonly string[]] {
  const rate = `learning_rate=${literal(optimizer.learningRate)}`;
  switch (optimizer.kind) {
    case 'sgd': {
      const { momentum, nesterov, dampening } = optimizer;
      const rest = momentum === 0 ? '' : named({ momentum, nesterov }, { nesterov: false });
      return [
        `SGD(${rate}${rest})`,
        [
          ...(dampening > 0 && momentum > 0 ? ['Keras has no dampening; momentum is undamped.'] : []),
          ...(momentum > 0 ? ['Keras puts the learning rate inside the momentum, so a changing rate acts later.'] : []),
        ],
      ];
    }
    case 'adam': {
      const { beta1, beta2, eps, decoupled, weightDecay, biasCorrection = true } = optimizer;
      const rest = `${rate}, beta_1=${beta1}, beta_2=${beta2}, epsilon=${literal(eps)}`;
      const notes = [
        'Keras adds epsilon before the bias correction, which changes the first steps a little.',
        ...(biasCorrection ? [] : ['Keras always corrects the bias of the moments.']),
      ];
      return [decoupled ? `AdamW(${rest}, weight_decay=${weightDecay})` : `Adam(${rest})`, notes];
    }
    case 'rmsprop': {
      const { alpha, eps, momentum, centered } = optimizer;
      const rest = named({ momentum, centered }, { momentum: 0, centered: false });
      return [
        `RMSprop(${rate}, rho=${alpha}, epsilon=${literal(eps)}${rest})`,
        ['Keras adds epsilon inside the root of RMSprop.'],
      ];
    }
    case 'adagrad': {
      const { initialAccumulator, eps, learningRateDecay } = optimizer;
      return [
        `Adagrad(${rate}, initial_accumulator_value=${literal(initialAccumulator)}, epsilon=${literal(eps)})`,
        learningRateDecay > 0 ? ['The decay of Adagrad’s rate is left out.'] : [],
      ];
    }
    case 'adamax':
      return [
        `Adamax(${rate}, beta_1=${optimizer.beta1}, beta_2=${optimizer.beta2}, epsilon=${literal(optimizer.eps)})`,
        [],
      ];
    case 'nadam':
      return [
        `Nadam(${rate}, beta_1=${optimizer.beta1}, beta_2=${optimizer.beta2}, epsilon=${literal(optimizer.eps)})`,
        optimizer.momentumDecay === 0.004 ? [] : ['Keras fixes the momentum decay of NAdam at 0.004.'],
      ];
  }
}
