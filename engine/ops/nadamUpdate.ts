import type { OpDefinition } from './definition.ts';
import { checkUpdate } from './update.ts';

/** Adam with Nesterov's momentum (Dozat 2016, ICLR workshop). */
export const nadamUpdate: OpDefinition<'nadamUpdate'> = {
  verify({ inputs }, check) {
    const { gradients, firstMoments, secondMoments } = inputs;
    checkUpdate(check, inputs.hyper, inputs.parameters, { gradients, firstMoments, secondMoments });
  },
  inPlace: ({ inputs }) => [...inputs.parameters, ...inputs.firstMoments, ...inputs.secondMoments],
  gradient: null,
};
