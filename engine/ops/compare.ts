import { plainOp } from './definition.ts';
import { compareSize } from './op.ts';

export const compare = plainOp<'compare'>(({ inputs, outputs }, check) => {
  check.tensor('a', inputs.a, 'f32', check.shape(inputs.a));
  check.tensor('b', inputs.b, 'f32', check.shape(inputs.a));
  check.tensor('result', outputs.result, 'f32', [compareSize]);
});
