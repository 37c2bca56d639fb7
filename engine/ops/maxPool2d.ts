import { nothingInPlace, plainOp, type OpDefinition } from './definition.ts';
import { checkPoolOutput } from './window.ts';

/** The gradient goes to the first maximum of each window, found again from x. */
export const maxPool2d: OpDefinition<'maxPool2d'> = {
  verify({ attrs, inputs, outputs }, check) {
    const x = check.ranked('x', inputs.x, 'f32', 4);
    const y = check.ranked('y', outputs.y, 'f32', 4);
    if (x === undefined || y === undefined) return;
    checkPoolOutput(check, attrs, x, y);
    check.tensor('indices', outputs.indices, 'i32', y);
  },
  inPlace: nothingInPlace,
  gradient({ attrs, inputs, outputs }, context) {
    const dy = context.gradientOf(outputs.y);
    context.emit({
      op: 'maxPool2dGrad',
      attrs,
      inputs: { x: inputs.x, y: outputs.y, dy },
      outputs: { dx: context.gradientFor(inputs.x) },
    });
  },
};

export const maxPool2dGrad = plainOp<'maxPool2dGrad'>(({ attrs, inputs, outputs }, check) => {
  const x = check.ranked('x', inputs.x, 'f32', 4);
  const y = check.ranked('y', inputs.y, 'f32', 4);
  if (x === undefined || y === undefined) return;
  checkPoolOutput(check, attrs, x, y);
  check.tensor('dy', inputs.dy, 'f32', y);
  check.tensor('dx', outputs.dx, 'f32', x);
});
