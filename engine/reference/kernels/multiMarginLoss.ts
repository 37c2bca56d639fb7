import type { ReferenceKernel } from '../kernel.ts';

export const multiMarginLoss: ReferenceKernel<'multiMarginLoss'> = ({ attrs, inputs, outputs }, tensors) => {
  const { p, margin, reduction } = attrs;
  const logits = tensors.f32(inputs.logits);
  const target = tensors.i32(inputs.target);
  const dlogits = outputs.dlogits === undefined ? undefined : tensors.f32(outputs.dlogits);
  const classes = tensors.shape(inputs.logits)[1]!;
  const counted = target.reduce((sum, t) => sum + (t === -1 ? 0 : 1), 0);
  const divisor = classes * (reduction === 'mean' ? counted : 1);
  let loss = 0;
  dlogits?.fill(0);
  for (let n = 0; n < target.length; n++) {
    const t = target[n]!;
    if (t === -1) continue;
    const row = n * classes;
    let slopes = 0;
    for (let k = 0; k < classes; k++) {
      const short = margin - logits[row + t]! + logits[row + k]!;
      // Turned so that NaN counts.
      if (k === t || short <= 0) continue;
      loss += short ** p;
      const slope = p * short ** (p - 1);
      slopes += slope;
      if (dlogits !== undefined) dlogits[row + k] = slope / divisor;
    }
    if (dlogits !== undefined) dlogits[row + t] = -slopes / divisor;
  }
  tensors.f32(outputs.loss)[0] = divisor === 0 ? 0 : loss / divisor;
};
