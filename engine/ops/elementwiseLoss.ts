import { plainOp } from './definition.ts';

/** Computes its own gradient, so the backward pass starts from its output. */
export const elementwiseLoss = plainOp<'elementwiseLoss'>(({ attrs, inputs, outputs }, check) => {
  const { delta = 1 } = attrs;
  if (!(delta > 0 && delta < Infinity)) check.fault(`delta is ${delta}; it takes a number above 0`);
  check.tensor('loss', outputs.loss, 'f32', [1]);
  const prediction = check.ranked('prediction', inputs.prediction, 'f32', 2, 4);
  if (prediction === undefined) return;
  check.tensor('dprediction', outputs.dprediction, 'f32', prediction);
  if (check.shape(inputs.target).length > 1) check.tensor('target', inputs.target, 'f32', prediction);
  else if (prediction.length > 2) check.fault('target gives one class per row, but the prediction is an image');
  else check.tensor('target', inputs.target, 'i32', [prediction[0]!]);
});
