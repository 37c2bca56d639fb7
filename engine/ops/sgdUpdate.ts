import type { OpDefinition } from './definition.ts';
import { checkUpdate } from './update.ts';

/** Stochastic gradient descent; without momentum it has no velocities. */
export const sgdUpdate: OpDefinition<'sgdUpdate'> = {
  verify({ attrs, inputs }, check) {
    const { gradients, velocities } = inputs;
    const stateless = attrs.momentum === 0 && velocities.length === 0;
    checkUpdate(check, inputs.hyper, inputs.parameters, stateless ? { gradients } : { gradients, velocities });
  },
  inPlace: ({ inputs }) => [...inputs.parameters, ...inputs.velocities],
  gradient: null,
};
