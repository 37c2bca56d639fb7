import type { OpDefinition } from './definition.ts';
import { checkUpdate } from './update.ts';

/** Adam (Kingma & Ba 2015, arXiv:1412.6980); decoupled weight decay is AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101). */
export const adamUpdate: OpDefinition<'adamUpdate'> = {
  verify({ inputs }, check) {
    const { gradients, firstMoments, secondMoments } = inputs;
    checkUpdate(check, inputs.hyper, inputs.parameters, { gradients, firstMoments, secondMoments });
  },
  inPlace: ({ inputs }) => [...inputs.parameters, ...inputs.firstMoments, ...inputs.secondMoments],
  gradient: null,
};
