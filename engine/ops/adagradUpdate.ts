import type { OpDefinition } from './definition.ts';
import { checkUpdate } from './update.ts';

/** Adagrad (Duchi, Hazan and Singer, "Adaptive subgradient methods", JMLR 12, 2011). */
export const adagradUpdate: OpDefinition<'adagradUpdate'> = {
  verify({ inputs }, check) {
    const { gradients, squareSums } = inputs;
    checkUpdate(check, inputs.hyper, inputs.parameters, { gradients, squareSums });
  },
  inPlace: ({ inputs }) => [...inputs.parameters, ...inputs.squareSums],
  gradient: null,
};
