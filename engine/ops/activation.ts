import { activationGradNeeds } from './activationName.ts';
import { nothingInPlace, plainOp, type OpCheck, type OpDefinition } from './definition.ts';
import type { ActivationAttrs } from './op.ts';

/** With a negative alpha the sign of y would no longer tell that of x, which ELU's derivative needs. */
function checkAttrs({ alpha = 1 }: ActivationAttrs, check: OpCheck): void {
  if (!(alpha >= 0 && alpha < Infinity)) check.fault(`alpha is ${alpha}; it takes a number from 0`);
}

export const activation: OpDefinition<'activation'> = {
  verify({ attrs, inputs, outputs }, check) {
    checkAttrs(attrs, check);
    const x = check.ranked('x', inputs.x, 'f32', 1, 4);
    if (x !== undefined) check.tensor('y', outputs.y, 'f32', x);
  },
  inPlace: nothingInPlace,
  gradient({ attrs, inputs, outputs }, context) {
    const dy = context.gradientOf(outputs.y);
    const forward = activationGradNeeds[attrs.fn] === 'x' ? { x: inputs.x } : { y: outputs.y };
    context.emit({
      op: 'activationGrad',
      attrs,
      inputs: { ...forward, dy },
      outputs: { dx: context.gradientFor(inputs.x) },
    });
  },
};

export const activationGrad = plainOp<'activationGrad'>(({ attrs, inputs, outputs }, check) => {
  checkAttrs(attrs, check);
  const dy = check.ranked('dy', inputs.dy, 'f32', 1, 4);
  if (dy === undefined) return;
  const needed = activationGradNeeds[attrs.fn];
  if (inputs[needed] === undefined)
    check.fault(`the derivative of ${attrs.fn} is computed from ${needed}, which is not given`);
  check.tensor('x', inputs.x, 'f32', dy);
  check.tensor('y', inputs.y, 'f32', dy);
  check.tensor('dx', outputs.dx, 'f32', dy);
});
