import { hyperSlot } from '../ops/op.ts';
import type { OptimizerSettings } from './settings.ts';

/**
 * Writes the scalars that step `step` (from 0) needs besides the plan's constants to `hyper` (f32, see hyperSlot).
 * Computed in float64, rounded once.
 * - SGD: the gradient enters the velocity by 1 - dampening, but whole on the first step, as the velocity is empty then.
 * - Adam (Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015): bias corrections 1 / (1 - beta^t), t from 1.
 */
export function fillHyper(settings: OptimizerSettings, learningRate: number, step: number, hyper: Float32Array): void {
  hyper[hyperSlot.learningRate] = learningRate;
  if (settings.kind === 'sgd') {
    hyper[hyperSlot.dampening] = step === 0 ? 1 : 1 - settings.dampening;
  } else {
    hyper[hyperSlot.correction1] = 1 / (1 - Math.pow(settings.beta1, step + 1));
    hyper[hyperSlot.correction2] = 1 / (1 - Math.pow(settings.beta2, step + 1));
  }
}
