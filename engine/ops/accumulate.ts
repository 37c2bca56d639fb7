import type { OpDefinition } from './definition.ts';
import { checkLists } from './update.ts';

/** Gradient accumulation: adds what a micro-batch gives to the sum of its step. */
export const accumulate: OpDefinition<'accumulate'> = {
  verify({ inputs }, check) {
    checkLists(check, 'sums', inputs.sums, { values: inputs.values });
  },
  inPlace: ({ inputs }) => inputs.sums,
  gradient: null,
};

/** Hands the sum of a step on and starts over. */
export const takeAccumulated: OpDefinition<'takeAccumulated'> = {
  verify({ attrs, inputs }, check) {
    if (!(attrs.scale > 0 && attrs.scale < Infinity)) {
      check.fault(`scale is ${attrs.scale}; it takes a finite number above 0`);
    }
    checkLists(check, 'sums', inputs.sums, { values: inputs.values });
  },
  inPlace: ({ inputs }) => [...inputs.sums, ...inputs.values],
  gradient: null,
};
