import { plainOp } from './definition.ts';

/** Computes its own gradient, so the backward pass starts from its output. */
export const multiMarginLoss = plainOp<'multiMarginLoss'>(({ attrs, inputs, outputs }, check) => {
  if (attrs.p !== 1 && attrs.p !== 2) check.fault(`p is ${String(attrs.p)}; it is 1 or 2`);
  if (!Number.isFinite(attrs.margin)) check.fault(`margin is ${attrs.margin}; it takes a number`);
  const logits = check.ranked('logits', inputs.logits, 'f32', 2);
  if (logits === undefined) return;
  check.tensor('target', inputs.target, 'i32', [logits[0]!]);
  check.tensor('loss', outputs.loss, 'f32', [1]);
  check.tensor('dlogits', outputs.dlogits, 'f32', logits);
});
