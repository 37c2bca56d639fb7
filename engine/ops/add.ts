import { nothingInPlace, type OpDefinition } from './definition.ts';

/** The gradient of a sum is that of each summand: no op at all. */
export const add: OpDefinition<'add'> = {
  verify({ inputs, outputs }, check) {
    const a = check.ranked('a', inputs.a, 'f32', 1, 4);
    if (a === undefined) return;
    check.tensor('b', inputs.b, 'f32', a);
    check.tensor('y', outputs.y, 'f32', a);
  },
  inPlace: nothingInPlace,
  gradient({ inputs, outputs }, context) {
    const dy = context.gradientOf(outputs.y);
    context.passTo(inputs.a, dy);
    context.passTo(inputs.b, dy);
  },
};
