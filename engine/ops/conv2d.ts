import { nothingInPlace, plainOp, type OpCheck, type OpDefinition } from './definition.ts';
import type { ConvAttrs, TensorId } from './op.ts';
import { convOutput } from './window.ts';

/** Shape rule shared by the three: x [N, C, H, W], weight [O, C/groups, kH, kW] and y [N, O, H', W'] fit together. */
function checkConv(
  check: OpCheck,
  attrs: ConvAttrs,
  names: readonly [x: string, weight: string, y: string],
  x: TensorId,
  weight: TensorId,
  y: TensorId,
): void {
  const xShape = check.ranked(names[0], x, 'f32', 4);
  const weightShape = check.ranked(names[1], weight, 'f32', 4);
  if (xShape === undefined || weightShape === undefined) return;
  const yShape = convOutput(check, attrs, xShape, weightShape);
  if (yShape !== undefined) check.tensor(names[2], y, 'f32', yShape);
}

/** Cross-correlation with stride, padding, dilation and groups. */
export const conv2d: OpDefinition<'conv2d'> = {
  verify({ attrs, inputs, outputs }, check) {
    checkConv(check, attrs, ['x', 'weight', 'y'], inputs.x, inputs.weight, outputs.y);
    check.tensor('bias', inputs.bias, 'f32', [check.shape(inputs.weight)[0] ?? 0]);
  },
  inPlace: nothingInPlace,
  gradient({ attrs, inputs, outputs }, context) {
    const dy = context.gradientOf(outputs.y);
    const { x, weight, bias } = inputs;
    if (context.needs(weight) || context.needs(bias)) {
      const dbias = bias !== undefined && context.needs(bias) ? { dbias: context.gradientFor(bias) } : {};
      context.emit({
        op: 'conv2dGradWeight',
        attrs,
        inputs: { x, dy },
        outputs: { dweight: context.gradientFor(weight), ...dbias },
      });
    }
    if (context.needs(x)) {
      context.emit({
        op: 'conv2dGradInput',
        attrs,
        inputs: { dy, weight },
        outputs: { dx: context.gradientFor(x) },
      });
    }
  },
};

export const conv2dGradInput = plainOp<'conv2dGradInput'>(({ attrs, inputs, outputs }, check) => {
  checkConv(check, attrs, ['dx', 'weight', 'dy'], outputs.dx, inputs.weight, inputs.dy);
});

export const conv2dGradWeight = plainOp<'conv2dGradWeight'>(({ attrs, inputs, outputs }, check) => {
  checkConv(check, attrs, ['x', 'dweight', 'dy'], inputs.x, outputs.dweight, inputs.dy);
  check.tensor('dbias', outputs.dbias, 'f32', [check.shape(outputs.dweight)[0] ?? 0]);
});
