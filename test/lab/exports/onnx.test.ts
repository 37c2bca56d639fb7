import { expect, it } from 'vitest';
import * as ort from 'onnxruntime-node';
import { encodeOnnx } from '../../../lab/exports/onnx/export.ts';
import { forward, images, largestDifference, withWeights } from './forward.ts';
import { trials, untried } from './trials.ts';

/** Both sides sum in float32, in another order; the largest networks here differ by a few 1e-6. */
const tolerance = 1e-4;
const count = 5;

it('every layer of the catalogue is in a trial', () => {
  expect(untried).toEqual([]);
});

it.each(trials)('onnxruntime computes what we compute: $name', async (trial) => {
  const model = withWeights(trial);
  const { pixels, values } = images(trial.inputShape, count);
  const session = await ort.InferenceSession.create(encodeOnnx(model, { version: 'test' }), { logSeverityLevel: 3 });
  const { logits } = await session.run({ input: new ort.Tensor('float32', values, [count, ...trial.inputShape]) });
  expect(logits!.dims).toEqual([count, trial.classes]);
  expect(largestDifference(logits!.data as Float32Array, await forward(model, pixels, count))).toBeLessThan(tolerance);
});
