import type { OpDefinition } from './definition.ts';
import { checkUpdate } from './update.ts';

/** RMSprop (Tieleman and Hinton, lecture 6.5, 2012); centered as in Graves 2013, arXiv:1308.0850. */
export const rmspropUpdate: OpDefinition<'rmspropUpdate'> = {
  verify({ attrs, inputs }, check) {
    const { gradients, squares, averages, velocities } = inputs;
    checkUpdate(check, inputs.hyper, inputs.parameters, {
      gradients,
      squares,
      ...(attrs.centered || averages.length > 0 ? { averages } : {}),
      ...(attrs.momentum !== 0 || velocities.length > 0 ? { velocities } : {}),
    });
  },
  inPlace: ({ inputs }) => [...inputs.parameters, ...inputs.squares, ...inputs.averages, ...inputs.velocities],
  gradient: null,
};
