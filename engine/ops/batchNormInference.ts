import { checkPerChannel } from './batchNorm.ts';
import { nothingInPlace, plainOp, type OpDefinition } from './definition.ts';

/** Normalises with the running statistics, which are constants to the gradient. */
export const batchNormInference: OpDefinition<'batchNormInference'> = {
  verify({ inputs, outputs }, check) {
    const shape = check.ranked('x', inputs.x, 'f32', 2, 4);
    if (shape === undefined) return;
    const { gamma, beta, runningMean, runningVar } = inputs;
    checkPerChannel(check, shape, { gamma, beta, runningMean, runningVar });
    check.tensor('y', outputs.y, 'f32', shape);
  },
  inPlace: nothingInPlace,
  gradient({ attrs, inputs: { x, gamma, beta, runningMean, runningVar }, outputs }, context) {
    const dy = context.gradientOf(outputs.y);
    context.emit({
      op: 'batchNormInferenceGrad',
      attrs,
      inputs: { x, dy, ...(gamma === undefined ? {} : { gamma }), runningMean, runningVar },
      outputs: {
        dx: context.gradientFor(x),
        ...(gamma !== undefined && context.needs(gamma) ? { dgamma: context.gradientFor(gamma) } : {}),
        ...(beta !== undefined && context.needs(beta) ? { dbeta: context.gradientFor(beta) } : {}),
      },
    });
  },
};

export const batchNormInferenceGrad = plainOp<'batchNormInferenceGrad'>(({ inputs, outputs }, check) => {
  const x = check.ranked('x', inputs.x, 'f32', 2, 4);
  if (x === undefined) return;
  const { gamma, runningMean, runningVar } = inputs;
  const { dgamma, dbeta } = outputs;
  checkPerChannel(check, x, { gamma, runningMean, runningVar, dgamma, dbeta });
  check.tensor('dy', inputs.dy, 'f32', x);
  check.tensor('dx', outputs.dx, 'f32', x);
});
