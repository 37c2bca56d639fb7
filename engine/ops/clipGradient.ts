import type { OpCheck, OpDefinition } from './definition.ts';
import type { TensorId } from './op.ts';
import { checkLists } from './update.ts';

function checkClip(check: OpCheck, maximum: number, gradients: readonly TensorId[]): void {
  if (!(maximum > 0)) check.fault(`maximum is ${maximum}; it takes a number above 0`);
  checkLists(check, 'gradients', gradients, {});
}

/** Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013, arXiv:1211.5063. */
export const clipGradientNorm: OpDefinition<'clipGradientNorm'> = {
  verify({ attrs, inputs, outputs }, check) {
    checkClip(check, attrs.maximum, inputs.gradients);
    check.tensor('norm', outputs.norm, 'f32', [1]);
  },
  inPlace: ({ inputs }) => inputs.gradients,
  gradient: null,
};

export const clipGradientValue: OpDefinition<'clipGradientValue'> = {
  verify({ attrs, inputs }, check) {
    checkClip(check, attrs.maximum, inputs.gradients);
  },
  inPlace: ({ inputs }) => inputs.gradients,
  gradient: null,
};
