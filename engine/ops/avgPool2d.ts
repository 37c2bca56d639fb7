import { nothingInPlace, plainOp, type OpDefinition } from './definition.ts';
import { checkPoolOutput } from './window.ts';

export const avgPool2d: OpDefinition<'avgPool2d'> = {
  verify({ attrs, inputs, outputs }, check) {
    const x = check.ranked('x', inputs.x, 'f32', 4);
    const y = check.ranked('y', outputs.y, 'f32', 4);
    if (x !== undefined && y !== undefined) checkPoolOutput(check, attrs, x, y);
  },
  inPlace: nothingInPlace,
  gradient({ attrs, inputs, outputs }, context) {
    const dy = context.gradientOf(outputs.y);
    context.emit({ op: 'avgPool2dGrad', attrs, inputs: { dy }, outputs: { dx: context.gradientFor(inputs.x) } });
  },
};

export const avgPool2dGrad = plainOp<'avgPool2dGrad'>(({ attrs, inputs, outputs }, check) => {
  const dx = check.ranked('dx', outputs.dx, 'f32', 4);
  const dy = check.ranked('dy', inputs.dy, 'f32', 4);
  if (dx !== undefined && dy !== undefined) checkPoolOutput(check, attrs, dx, dy);
});
