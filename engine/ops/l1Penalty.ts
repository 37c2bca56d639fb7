import type { OpDefinition } from './definition.ts';
import { checkLists } from './update.ts';

/** Lasso's penalty (Tibshirani 1996) as a part of the gradient. */
export const l1Penalty: OpDefinition<'l1Penalty'> = {
  verify({ inputs }, check) {
    checkLists(check, 'parameters', inputs.parameters, { gradients: inputs.gradients });
  },
  inPlace: ({ inputs }) => inputs.gradients,
  gradient: null,
};
