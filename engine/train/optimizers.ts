import { hyperSlot } from '../ops/op.ts';
import type { OptimizerSettings } from './settings.ts';

/**
 * Writes the scalars that step `step` (from 0) needs besides the plan's constants to `hyper` (f32, see hyperSlot); for parameters
 * that were frozen in some steps, `step` is the number of their own updates so far. A pure function of the step, computed in float64
 * and rounded once.
 * - SGD: the gradient enters the velocity by 1 - dampening, but whole on the first step, as the velocity is empty then.
 * - Adam, Adamax (Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015): bias corrections
 *   1 / (1 - beta^t), t from 1.
 * - Adagrad: the rate falls as 1 / (1 + step * learningRateDecay).
 * - NAdam: see `nadamParts`.
 */
export function fillHyper(settings: OptimizerSettings, learningRate: number, step: number, hyper: Float32Array): void {
  // apart from the rest and short, so that it is compiled into the loop and the rate is never boxed on the way
  hyper[hyperSlot.learningRate] =
    settings.kind === 'adagrad' ? learningRate / (1 + step * settings.learningRateDecay) : learningRate;
  fillFactors(settings, step, hyper);
}

/** Whether what `fillHyper` gives depends on the step beside the rate: such an optimiser counts the updates of each parameter. */
export function countsUpdates(settings: OptimizerSettings): boolean {
  switch (settings.kind) {
    case 'sgd':
      return settings.momentum !== 0 && settings.dampening !== 0;
    case 'adam':
      return settings.biasCorrection !== false;
    case 'adamax':
    case 'nadam':
      return true;
    case 'adagrad':
      return settings.learningRateDecay !== 0;
    case 'rmsprop':
      return false;
  }
}

function fillFactors(settings: OptimizerSettings, step: number, hyper: Float32Array): void {
  switch (settings.kind) {
    case 'sgd':
      hyper[hyperSlot.dampening] = step === 0 ? 1 : 1 - settings.dampening;
      return;
    case 'adam':
      if (settings.biasCorrection === false) hyper.fill(1, hyperSlot.correction1, hyperSlot.correction2 + 1);
      else corrections(settings, step + 1, hyper);
      return;
    case 'adamax':
      corrections(settings, step + 1, hyper);
      return;
    case 'nadam':
      corrections(settings, step + 1, hyper);
      nadamParts(settings, step + 1, hyper);
      return;
    case 'rmsprop':
    case 'adagrad':
      return;
  }
}

interface Betas {
  readonly beta1: number;
  readonly beta2: number;
}

/** 1 / (1 - beta^t), t from 1. */
function corrections({ beta1, beta2 }: Betas, t: number, hyper: Float32Array): void {
  hyper[hyperSlot.correction1] = 1 / (1 - Math.pow(beta1, t));
  hyper[hyperSlot.correction2] = 1 / (1 - Math.pow(beta2, t));
}

interface Momentum {
  readonly beta1: number;
  readonly momentumDecay: number;
}

/** From here on 1 - product is 1 in float64. */
const vanished = 1e-17;

/**
 * Shares of gradient and first moment in NAdam's step t (from 1): (1 - mu_t) / (1 - mu_1 ... mu_t) and
 * mu_{t+1} / (1 - mu_1 ... mu_{t+1}) with mu_i = beta1 (1 - 0.96^(i momentumDecay) / 2) (Dozat, "Incorporating Nesterov
 * momentum into Adam", ICLR workshop 2016). The product is taken anew in every step, so that a step depends on nothing but
 * its number; it vanishes after some hundred factors (beta1 = 0.9), which ends the loop.
 */
function nadamParts({ beta1, momentumDecay }: Momentum, t: number, hyper: Float32Array): void {
  const base = Math.pow(0.96, momentumDecay);
  let power = 1;
  let product = 1;
  for (let i = 1; i <= t && product > vanished; i++) {
    power *= base;
    product *= beta1 * (1 - 0.5 * power);
  }
  const now = beta1 * (1 - 0.5 * Math.pow(base, t));
  const next = beta1 * (1 - 0.5 * Math.pow(base, t + 1));
  hyper[hyperSlot.gradientPart] = (1 - now) / (1 - product);
  hyper[hyperSlot.correction1] = next / (1 - product * next);
}

/** What decides which state an optimiser keeps. */
export type StateSettings = Pick<OptimizerSettings, 'kind'> & {
  readonly momentum?: number;
  readonly centered?: boolean;
};

/** Names of the values that an optimiser keeps for each parameter; a tensor of state is "<parameter>.<name>". */
export function optimizerState({ kind, momentum = 0, centered = false }: StateSettings): readonly string[] {
  const velocity = momentum === 0 ? [] : ['velocity'];
  switch (kind) {
    case 'sgd':
      return velocity;
    case 'adam':
    case 'nadam':
      return ['firstMoment', 'secondMoment'];
    case 'rmsprop':
      return ['square', ...(centered ? ['average'] : []), ...velocity];
    case 'adagrad':
      return ['squareSum'];
    case 'adamax':
      return ['firstMoment', 'infinityNorm'];
  }
}

/** What all state of an optimiser begins with. */
export function initialState(settings: OptimizerSettings): number {
  return settings.kind === 'adagrad' ? settings.initialAccumulator : 0;
}
