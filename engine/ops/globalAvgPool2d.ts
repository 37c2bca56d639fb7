import { nothingInPlace, plainOp, type OpDefinition } from './definition.ts';

export const globalAvgPool2d: OpDefinition<'globalAvgPool2d'> = {
  verify({ inputs, outputs }, check) {
    const x = check.ranked('x', inputs.x, 'f32', 4);
    if (x !== undefined) check.tensor('y', outputs.y, 'f32', [x[0]!, x[1]!]);
  },
  inPlace: nothingInPlace,
  gradient({ inputs, outputs }, context) {
    const dy = context.gradientOf(outputs.y);
    context.emit({
      op: 'globalAvgPool2dGrad',
      attrs: {},
      inputs: { dy },
      outputs: { dx: context.gradientFor(inputs.x) },
    });
  },
};

export const globalAvgPool2dGrad = plainOp<'globalAvgPool2dGrad'>(({ inputs, outputs }, check) => {
  const dx = check.ranked('dx', outputs.dx, 'f32', 4);
  if (dx !== undefined) check.tensor('dy', inputs.dy, 'f32', [dx[0]!, dx[1]!]);
});
