import type { OpDefinition } from './definition.ts';
import { checkUpdate } from './update.ts';

/** Adam with the infinity norm (Kingma & Ba 2015, arXiv:1412.6980, section 7.1). */
export const adamaxUpdate: OpDefinition<'adamaxUpdate'> = {
  verify({ inputs }, check) {
    const { gradients, firstMoments, infinityNorms } = inputs;
    checkUpdate(check, inputs.hyper, inputs.parameters, { gradients, firstMoments, infinityNorms });
  },
  inPlace: ({ inputs }) => [...inputs.parameters, ...inputs.firstMoments, ...inputs.infinityNorms],
  gradient: null,
};
