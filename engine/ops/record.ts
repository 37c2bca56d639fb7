import type { OpDefinition } from './definition.ts';
import { randomSize } from './op.ts';

export const record: OpDefinition<'record'> = {
  verify({ inputs }, check) {
    check.tensor('random', inputs.random, 'i32', [randomSize]);
    inputs.values.forEach((value, i) => {
      check.tensor(`values[${i}]`, value, 'f32', [1]);
    });
    const history = check.ranked('history', inputs.history, 'f32', 2);
    if (history !== undefined) check.tensor('history', inputs.history, 'f32', [history[0]!, inputs.values.length]);
  },
  inPlace: ({ inputs }) => [inputs.history],
  gradient: null,
};
