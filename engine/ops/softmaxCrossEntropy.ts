import { plainOp } from './definition.ts';

/** Computes its own gradient (dlogits = softmax - target, scaled), so the backward pass starts from its output. */
export const softmaxCrossEntropy = plainOp<'softmaxCrossEntropy'>(({ attrs, inputs, outputs }, check) => {
  const logits = check.ranked('logits', inputs.logits, 'f32', 2);
  if (logits === undefined) return;
  check.tensor('target', inputs.target, 'i32', [logits[0]!]);
  check.tensor('classWeight', inputs.classWeight, 'f32', [logits[1]!]);
  check.tensor('loss', outputs.loss, 'f32', [1]);
  check.tensor('dlogits', outputs.dlogits, 'f32', logits);
  if (!(attrs.labelSmoothing >= 0 && attrs.labelSmoothing <= 1)) {
    check.fault(`labelSmoothing is ${attrs.labelSmoothing}; it goes from 0 to 1`);
  }
});
