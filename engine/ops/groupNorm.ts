import { formatShape, type Shape } from '../tensor.ts';
import { checkPerChannel } from './batchNorm.ts';
import { nothingInPlace, plainOp, type OpCheck, type OpDefinition } from './definition.ts';

function checkGroups(check: OpCheck, groups: number, x: Shape): void {
  if (Number.isSafeInteger(groups) && groups >= 1 && x[1]! % groups === 0) return;
  check.fault(`groups is ${groups}, which does not divide the ${x[1]} channels of x ${formatShape(x)}`);
}

/** Normalises groups of channels of each image. Wu & He 2018, arXiv:1803.08494. */
export const groupNorm: OpDefinition<'groupNorm'> = {
  verify({ attrs, inputs, outputs }, check) {
    const x = check.ranked('x', inputs.x, 'f32', 2, 4);
    if (x === undefined) return;
    const { gamma, beta } = inputs;
    checkGroups(check, attrs.groups, x);
    checkPerChannel(check, x, { gamma, beta });
    check.tensor('y', outputs.y, 'f32', x);
    check.tensor('mean', outputs.mean, 'f32', [x[0]!, attrs.groups]);
    check.tensor('variance', outputs.variance, 'f32', [x[0]!, attrs.groups]);
  },
  inPlace: nothingInPlace,
  gradient({ attrs, inputs: { x, gamma, beta }, outputs: { y, mean, variance } }, context) {
    const dy = context.gradientOf(y);
    context.emit({
      op: 'groupNormGrad',
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

export const groupNormGrad = plainOp<'groupNormGrad'>(({ attrs, inputs, outputs }, check) => {
  const x = check.ranked('x', inputs.x, 'f32', 2, 4);
  if (x === undefined) return;
  const { gamma } = inputs;
  const { dgamma, dbeta } = outputs;
  checkGroups(check, attrs.groups, x);
  checkPerChannel(check, x, { gamma, dgamma, dbeta });
  check.tensor('dy', inputs.dy, 'f32', x);
  check.tensor('dx', outputs.dx, 'f32', x);
  check.tensor('mean', inputs.mean, 'f32', [x[0]!, attrs.groups]);
  check.tensor('variance', inputs.variance, 'f32', [x[0]!, attrs.groups]);
});
