import type { Shape } from '../tensor.ts';
import { nothingInPlace, plainOp, type OpCheck, type OpDefinition } from './definition.ts';
import type { TensorId } from './op.ts';

/** Checks that each given tensor holds one f32 per value of an image. */
function checkPerValue(check: OpCheck, x: Shape, tensors: Readonly<Record<string, TensorId | undefined>>): void {
  for (const [slot, tensor] of Object.entries(tensors)) check.tensor(slot, tensor, 'f32', x.slice(1));
}

/** Normalises each image over all its values. Ba, Kiros & Hinton 2016, arXiv:1607.06450. */
export const layerNorm: OpDefinition<'layerNorm'> = {
  verify({ inputs, outputs }, check) {
    const x = check.ranked('x', inputs.x, 'f32', 2, 4);
    if (x === undefined) return;
    const { gamma, beta } = inputs;
    checkPerValue(check, x, { gamma, beta });
    check.tensor('y', outputs.y, 'f32', x);
    check.tensor('mean', outputs.mean, 'f32', [x[0]!, 1]);
    check.tensor('variance', outputs.variance, 'f32', [x[0]!, 1]);
  },
  inPlace: nothingInPlace,
  gradient({ attrs, inputs: { x, gamma, beta }, outputs: { y, mean, variance } }, context) {
    const dy = context.gradientOf(y);
    context.emit({
      op: 'layerNormGrad',
      attrs,
      inputs: { x, dy, ...(gamma === undefined ? {} : { gamma }), mean, variance },
      outputs: {
        dx: context.gradientFor(x),
        ...(gamma !== undefined && context.needs(gamma) ? { dgamma: context.gradientFor(gamma) } : {}),
        ...(beta !== undefined && context.needs(beta) ? { dbeta: context.gradientFor(beta) } : {}),
      },
    });
  },
};

export const layerNormGrad = plainOp<'layerNormGrad'>(({ inputs, outputs }, check) => {
  const x = check.ranked('x', inputs.x, 'f32', 2, 4);
  if (x === undefined) return;
  const { gamma, mean, variance } = inputs;
  const { dgamma, dbeta } = outputs;
  checkPerValue(check, x, { gamma, dgamma, dbeta });
  check.tensor('dy', inputs.dy, 'f32', x);
  check.tensor('dx', outputs.dx, 'f32', x);
  check.tensor('mean', mean, 'f32', [x[0]!, 1]);
  check.tensor('variance', variance, 'f32', [x[0]!, 1]);
});
