import type { OpInstanceOf } from '../plan/plan.ts';
import { nothingInPlace, plainOp, type OpCheck, type OpDefinition } from './definition.ts';
import type { AxisAttrs } from './op.ts';
import type { Shape } from '../tensor.ts';

function checkAxis({ axis }: AxisAttrs, shape: Shape, check: OpCheck): void {
  if (Number.isInteger(axis) && axis >= 1 && axis < shape.length) return;
  check.fault(
    `axis is ${axis}; it takes a whole number from 1 to ${shape.length - 1}, as there are ${shape.length} axes`,
  );
}

function forward<N extends 'softmax' | 'logSoftmax'>(grad: `${N}Grad`): OpDefinition<N> {
  return {
    verify({ attrs, inputs, outputs }, check) {
      const x = check.ranked('x', inputs.x, 'f32', 2, 4);
      if (x === undefined) return;
      checkAxis(attrs, x, check);
      check.tensor('y', outputs.y, 'f32', x);
    },
    inPlace: nothingInPlace,
    gradient({ attrs, inputs, outputs }: OpInstanceOf<N>, context) {
      const dy = context.gradientOf(outputs.y);
      const dx = context.gradientFor(inputs.x);
      context.emit({ op: grad, attrs, inputs: { y: outputs.y, dy }, outputs: { dx } });
    },
  };
}

const backward = <N extends 'softmaxGrad' | 'logSoftmaxGrad'>(): OpDefinition<N> =>
  plainOp<N>(({ attrs, inputs, outputs }, check) => {
    const dy = check.ranked('dy', inputs.dy, 'f32', 2, 4);
    if (dy === undefined) return;
    checkAxis(attrs, dy, check);
    check.tensor('y', inputs.y, 'f32', dy);
    check.tensor('dx', outputs.dx, 'f32', dy);
  });

export const softmax = forward<'softmax'>('softmaxGrad');
export const softmaxGrad = backward<'softmaxGrad'>();
export const logSoftmax = forward<'logSoftmax'>('logSoftmaxGrad');
export const logSoftmaxGrad = backward<'logSoftmaxGrad'>();
