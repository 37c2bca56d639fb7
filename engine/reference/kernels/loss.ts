import type { ReferenceKernel } from '../kernel.ts';

export const softmaxCrossEntropy: ReferenceKernel<'softmaxCrossEntropy'> = (instance, tensors) => {
  const { attrs, inputs, outputs } = instance;
  const logits = tensors.f32(inputs.logits);
  const target = tensors.i32(inputs.target);
  const classWeight = inputs.classWeight === undefined ? undefined : tensors.f32(inputs.classWeight);
  const dlogits = outputs.dlogits === undefined ? undefined : tensors.f32(outputs.dlogits);
  const classes = tensors.shape(inputs.logits)[1]!;
  const smoothing = attrs.labelSmoothing;
  const weightOf = (k: number): number => classWeight?.[k] ?? 1;

  let divisor = 1;
  if (attrs.reduction === 'mean') {
    divisor = 0;
    for (const t of target) if (t !== -1) divisor += weightOf(t);
  }
  let totalWeight = 0;
  for (let k = 0; k < classes; k++) totalWeight += weightOf(k);

  const logp = tensors.scratch(instance, classes);
  let loss = 0;
  for (let n = 0; n < target.length; n++) {
    const t = target[n]!;
    const row = n * classes;
    if (t === -1) {
      dlogits?.fill(0, row, row + classes);
      continue;
    }
    let largest = -Infinity;
    for (let k = 0; k < classes; k++) largest = Math.max(largest, logits[row + k]!);
    let sum = 0;
    for (let k = 0; k < classes; k++) sum += Math.exp(logits[row + k]! - largest);
    for (let k = 0; k < classes; k++) logp[k] = logits[row + k]! - largest - Math.log(sum);

    let smooth = 0;
    if (smoothing > 0) for (let k = 0; k < classes; k++) smooth -= weightOf(k) * logp[k]!;
    loss += -(1 - smoothing) * weightOf(t) * logp[t]! + (smoothing / classes) * smooth;

    if (dlogits === undefined) continue;
    for (let k = 0; k < classes; k++) {
      const p = Math.exp(logp[k]!);
      const hard = weightOf(t) * (p - (k === t ? 1 : 0));
      const soft = p * totalWeight - weightOf(k);
      dlogits[row + k] = ((1 - smoothing) * hard + (smoothing / classes) * soft) / divisor;
    }
  }
  // No row counted: nothing to average, and no gradient either.
  tensors.f32(outputs.loss)[0] = divisor === 0 ? 0 : loss / divisor;
};

/** A row with a NaN has no largest logit and is never correct. */
export const countCorrect: ReferenceKernel<'countCorrect'> = ({ inputs, outputs }, tensors) => {
  const logits = tensors.f32(inputs.logits);
  const target = tensors.i32(inputs.target);
  const classes = tensors.shape(inputs.logits)[1]!;
  let correct = 0;
  for (let n = 0; n < target.length; n++) {
    const t = target[n]!;
    if (t === -1) continue;
    const score = logits[n * classes + t]!;
    let wins = true;
    for (let k = 0; k < classes; k++) {
      const other = logits[n * classes + k]!;
      if (k !== t && !(k < t ? other < score : other <= score)) wins = false;
    }
    if (wins) correct++;
  }
  tensors.f32(outputs.correct)[0] = correct;
};
