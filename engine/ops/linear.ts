import { nothingInPlace, plainOp, type OpDefinition } from './definition.ts';

/** y = x weight^T + bias; dx = dy weight; dweight = dy^T x; dbias = column sums of dy. */
export const linear: OpDefinition<'linear'> = {
  verify({ inputs, outputs }, check) {
    const x = check.ranked('x', inputs.x, 'f32', 2);
    const weight = check.ranked('weight', inputs.weight, 'f32', 2);
    if (x === undefined || weight === undefined) return;
    check.tensor('x', inputs.x, 'f32', [x[0]!, weight[1]!]);
    check.tensor('bias', inputs.bias, 'f32', [weight[0]!]);
    check.tensor('y', outputs.y, 'f32', [x[0]!, weight[0]!]);
  },
  inPlace: nothingInPlace,
  gradient({ inputs, outputs }, context) {
    const dy = context.gradientOf(outputs.y);
    const { x, weight, bias } = inputs;
    if (context.needs(weight) || context.needs(bias)) {
      const dbias = bias !== undefined && context.needs(bias) ? { dbias: context.gradientFor(bias) } : {};
      context.emit({
        op: 'linearGradWeight',
        attrs: {},
        inputs: { x, dy },
        outputs: { dweight: context.gradientFor(weight), ...dbias },
      });
    }
    if (context.needs(x)) {
      context.emit({
        op: 'linearGradInput',
        attrs: {},
        inputs: { dy, weight },
        outputs: { dx: context.gradientFor(x) },
      });
    }
  },
};

export const linearGradInput = plainOp<'linearGradInput'>(({ inputs, outputs }, check) => {
  const dy = check.ranked('dy', inputs.dy, 'f32', 2);
  const weight = check.ranked('weight', inputs.weight, 'f32', 2);
  if (dy === undefined || weight === undefined) return;
  check.tensor('dy', inputs.dy, 'f32', [dy[0]!, weight[0]!]);
  check.tensor('dx', outputs.dx, 'f32', [dy[0]!, weight[1]!]);
});

export const linearGradWeight = plainOp<'linearGradWeight'>(({ inputs, outputs }, check) => {
  const x = check.ranked('x', inputs.x, 'f32', 2);
  const dy = check.ranked('dy', inputs.dy, 'f32', 2);
  if (x === undefined || dy === undefined) return;
  check.tensor('dy', inputs.dy, 'f32', [x[0]!, dy[1]!]);
  check.tensor('dweight', outputs.dweight, 'f32', [dy[1]!, x[1]!]);
  check.tensor('dbias', outputs.dbias, 'f32', [dy[1]!]);
});
