import type { Shape } from '../tensor.ts';
import { plainOp, type OpCheck, type OpDefinition } from './definition.ts';
import type { TensorId } from './op.ts';

/** Checks that each given tensor holds one f32 per channel of x. */
export function checkPerChannel(
  check: OpCheck,
  x: Shape,
  tensors: Readonly<Record<string, TensorId | undefined>>,
): void {
  for (const [slot, tensor] of Object.entries(tensors)) check.tensor(slot, tensor, 'f32', [x[1]!]);
}

/** Normalises with the statistics of the batch and moves the running ones. Ioffe & Szegedy 2015, arXiv:1502.03167. */
export const batchNorm: OpDefinition<'batchNorm'> = {
  verify({ attrs, inputs, outputs }, check) {
    const shape = check.ranked('x', inputs.x, 'f32', 2, 4);
    if (shape === undefined) return;
    const { gamma, beta, runningMean, runningVar, batchesTracked } = inputs;
    const { batchMean, batchVar } = outputs;
    checkPerChannel(check, shape, { gamma, beta, runningMean, runningVar, batchMean, batchVar });
    check.tensor('y', outputs.y, 'f32', shape);
    check.tensor('batchesTracked', batchesTracked, 'i32', [1]);
    if ((attrs.momentum === null) !== (batchesTracked !== undefined)) {
      check.fault('batchesTracked goes with momentum null, and only with it');
    }
  },
  inPlace: ({ inputs: { runningMean, runningVar, batchesTracked } }) =>
    batchesTracked === undefined ? [runningMean, runningVar] : [runningMean, runningVar, batchesTracked],
  gradient({ attrs, inputs: { x, gamma, beta }, outputs: { y, batchMean, batchVar } }, context) {
    const dy = context.gradientOf(y);
    context.emit({
      op: 'batchNormGrad',
      attrs: { eps: attrs.eps },
      inputs: { x, dy, ...(gamma === undefined ? {} : { gamma }), batchMean, batchVar },
      outputs: {
        dx: context.gradientFor(x),
        ...(gamma !== undefined && context.needs(gamma) ? { dgamma: context.gradientFor(gamma) } : {}),
        ...(beta !== undefined && context.needs(beta) ? { dbeta: context.gradientFor(beta) } : {}),
      },
    });
  },
};

export const batchNormGrad = plainOp<'batchNormGrad'>(({ inputs, outputs }, check) => {
  const x = check.ranked('x', inputs.x, 'f32', 2, 4);
  if (x === undefined) return;
  const { gamma, batchMean, batchVar } = inputs;
  const { dgamma, dbeta } = outputs;
  checkPerChannel(check, x, { gamma, batchMean, batchVar, dgamma, dbeta });
  check.tensor('dy', inputs.dy, 'f32', x);
  check.tensor('dx', outputs.dx, 'f32', x);
});
