import { plainOp } from './definition.ts';

export const mixRows = plainOp<'mixRows'>(({ attrs, inputs, outputs }, check) => {
  const a = check.ranked('a', inputs.a, 'f32', 1, 4);
  check.tensor('weight', inputs.weight, 'f32', [1]);
  if (a === undefined) return;
  check.tensor('b', inputs.b, 'f32', a);
  check.tensor('y', outputs.y, 'f32', a);
  const { shift } = attrs;
  const rows = a.length === 1 ? 1 : a[0]!;
  if (Number.isSafeInteger(shift) && shift >= 0 && shift < rows) return;
  check.fault(`shift is ${shift}; it takes a whole number from 0 below the number of rows (${rows})`);
});
