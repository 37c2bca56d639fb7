import { nothingInPlace, plainOp, type OpCheck, type OpDefinition } from './definition.ts';
import { randomSize } from './op.ts';

function checkRange(check: OpCheck, name: string, value: number, least: number): void {
  if (!(Number.isFinite(value) && value >= least)) check.fault(`${name} is ${value}; it takes a number from ${least}`);
}

/** Santurkar, Tsipras, Ilyas & Madry 2018, arXiv:1805.11604, appendix A. */
export const noise = plainOp<'noise'>(({ attrs, inputs, outputs }, check) => {
  check.tensor('random', inputs.random, 'i32', [randomSize]);
  const scale = check.ranked('scale', outputs.scale, 'f32', 2);
  if (scale !== undefined) check.tensor('shift', outputs.shift, 'f32', scale);
  checkRange(check, 'meanRange', attrs.meanRange, 0);
  checkRange(check, 'largestScale', attrs.largestScale, 1);
  checkRange(check, 'meanSpread', attrs.meanSpread, 0);
  checkRange(check, 'scaleSpread', attrs.scaleSpread, 0);
});

/** Linear in x with given factors, so the gradient is the same op on dy, without the shift. */
export const scaleShift: OpDefinition<'scaleShift'> = {
  verify({ inputs, outputs }, check) {
    const x = check.ranked('x', inputs.x, 'f32', 2, 4);
    if (x === undefined) return;
    check.tensor('scale', inputs.scale, 'f32', x.slice(0, 2));
    check.tensor('shift', inputs.shift, 'f32', x.slice(0, 2));
    check.tensor('y', outputs.y, 'f32', x);
  },
  inPlace: nothingInPlace,
  gradient({ inputs, outputs }, context) {
    const dy = context.gradientOf(outputs.y);
    context.emit({
      op: 'scaleShift',
      attrs: {},
      inputs: { x: dy, scale: inputs.scale },
      outputs: { y: context.gradientFor(inputs.x) },
    });
  },
};
