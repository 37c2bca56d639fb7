import { formatShape, type Shape } from '../tensor.ts';
import { nothingInPlace, plainOp, type OpCheck, type OpDefinition } from './definition.ts';
import { resizeModes, type ResizeMode } from './resample.ts';

function checkResize(check: OpCheck, mode: ResizeMode, x: Shape | undefined, y: Shape | undefined): void {
  if (!resizeModes.includes(mode)) check.fault(`mode is ${mode}; it takes ${resizeModes.join(', ')}`);
  if (x === undefined || y === undefined) return;
  if (x[0] === y[0] && x[1] === y[1]) return;
  check.fault(`y is ${formatShape(y)}, but resizing ${formatShape(x)} keeps the first two extents`);
}

/** Interpolation along height and width; the size is y's. */
export const resize: OpDefinition<'resize'> = {
  verify({ attrs, inputs, outputs }, check) {
    const x = check.ranked('x', inputs.x, 'f32', 4);
    checkResize(check, attrs.mode, x, check.ranked('y', outputs.y, 'f32', 4));
  },
  inPlace: nothingInPlace,
  gradient({ attrs, inputs, outputs }, context) {
    const dy = context.gradientOf(outputs.y);
    context.emit({ op: 'resizeGrad', attrs, inputs: { dy }, outputs: { dx: context.gradientFor(inputs.x) } });
  },
};

export const resizeGrad = plainOp<'resizeGrad'>(({ attrs, inputs, outputs }, check) => {
  const dx = check.ranked('dx', outputs.dx, 'f32', 4);
  checkResize(check, attrs.mode, dx, check.ranked('dy', inputs.dy, 'f32', 4));
});
