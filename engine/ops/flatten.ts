import { sizeOf, type Shape } from '../tensor.ts';
import { nothingInPlace, plainOp, type OpDefinition } from './definition.ts';

const flattened = (x: Shape): Shape => [x[0]!, sizeOf(x.slice(1))];

export const flatten: OpDefinition<'flatten'> = {
  verify({ inputs, outputs }, check) {
    const x = check.ranked('x', inputs.x, 'f32', 2, 4);
    if (x !== undefined) check.tensor('y', outputs.y, 'f32', flattened(x));
  },
  inPlace: nothingInPlace,
  gradient({ inputs, outputs }, context) {
    const dy = context.gradientOf(outputs.y);
    context.emit({ op: 'flattenGrad', attrs: {}, inputs: { dy }, outputs: { dx: context.gradientFor(inputs.x) } });
  },
};

export const flattenGrad = plainOp<'flattenGrad'>(({ inputs, outputs }, check) => {
  const dx = check.ranked('dx', outputs.dx, 'f32', 2, 4);
  if (dx !== undefined) check.tensor('dy', inputs.dy, 'f32', flattened(dx));
});
