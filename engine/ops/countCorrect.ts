import { plainOp } from './definition.ts';

export const countCorrect = plainOp<'countCorrect'>(({ inputs, outputs }, check) => {
  const logits = check.ranked('logits', inputs.logits, 'f32', 2);
  if (logits === undefined) return;
  check.tensor('target', inputs.target, 'i32', [logits[0]!]);
  check.tensor('correct', outputs.correct, 'f32', [1]);
});
