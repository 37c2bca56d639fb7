import { formatShape, sizeOf } from '../tensor.ts';
import { nothingInPlace, plainOp, type OpDefinition } from './definition.ts';
import { randomSize } from './op.ts';

export const dropoutMask = plainOp<'dropoutMask'>(({ attrs, inputs, outputs }, check) => {
  check.tensor('random', inputs.random, 'i32', [randomSize]);
  check.ranked('mask', outputs.mask, 'u8', 2, 4);
  if (!(attrs.p >= 0 && attrs.p <= 1)) check.fault(`p is ${attrs.p}; it goes from 0 to 1`);
});

/** Inverted dropout with a given mask. Linear in x, so the gradient is the same op on dy. Srivastava et al. 2014. */
export const dropout: OpDefinition<'dropout'> = {
  verify({ inputs, outputs }, check) {
    const x = check.ranked('x', inputs.x, 'f32', 2, 4);
    const mask = check.ranked('mask', inputs.mask, 'u8', 2, 4);
    if (x === undefined || mask === undefined) return;
    check.tensor('y', outputs.y, 'f32', x);
    const wholeChannels = mask.length === 2 && mask[0] === x[0] && mask[1] === x[1];
    if (!wholeChannels && formatShape(mask) !== formatShape(x)) {
      check.fault(
        `mask is ${formatShape(mask)}; with x ${formatShape(x)} it takes ${sizeOf(x)} or ${x[0]}×${x[1]} values`,
      );
    }
  },
  inPlace: nothingInPlace,
  gradient({ attrs, inputs, outputs }, context) {
    const dy = context.gradientOf(outputs.y);
    context.emit({
      op: 'dropout',
      attrs,
      inputs: { x: dy, mask: inputs.mask },
      outputs: { y: context.gradientFor(inputs.x) },
    });
  },
};
