import { formatShape, type Shape } from '../tensor.ts';
import { nothingInPlace, plainOp, type OpCheck, type OpDefinition } from './definition.ts';
import type { TensorId } from './op.ts';

/** Checks that the parts, one behind the other along `axis`, make up `whole`. */
function checkParts(
  check: OpCheck,
  axis: number,
  names: readonly [parts: string, whole: string],
  parts: readonly TensorId[],
  whole: TensorId,
): void {
  const first = parts.length === 0 ? undefined : check.ranked(`${names[0]}[0]`, parts[0]!, 'f32', 1, 4);
  if (parts.length === 0) check.fault(`${names[0]} is empty`);
  if (first === undefined) return;
  if (!(Number.isInteger(axis) && axis >= 0 && axis < first.length)) {
    check.fault(`axis is ${axis}; with ${formatShape(first)} it goes from 0 to ${first.length - 1}`);
    return;
  }
  let extent = 0;
  parts.forEach((part, i) => {
    const own = check.shape(part)[axis] ?? 0;
    extent += own;
    check.tensor(`${names[0]}[${i}]`, part, 'f32', withExtent(first, axis, own));
  });
  check.tensor(names[1], whole, 'f32', withExtent(first, axis, extent));
}

const withExtent = (shape: Shape, axis: number, extent: number): Shape =>
  shape.map((own, i) => (i === axis ? extent : own));

export const concat: OpDefinition<'concat'> = {
  verify({ attrs, inputs, outputs }, check) {
    checkParts(check, attrs.axis, ['xs', 'y'], inputs.xs, outputs.y);
  },
  inPlace: nothingInPlace,
  gradient({ attrs, inputs, outputs }, context) {
    const dy = context.gradientOf(outputs.y);
    context.emit({
      op: 'concatGrad',
      attrs,
      inputs: { dy },
      outputs: { dxs: inputs.xs.map((x) => context.gradientFor(x)) },
    });
  },
};

export const concatGrad = plainOp<'concatGrad'>(({ attrs, inputs, outputs }, check) => {
  checkParts(check, attrs.axis, ['dxs', 'dy'], outputs.dxs, inputs.dy);
});
