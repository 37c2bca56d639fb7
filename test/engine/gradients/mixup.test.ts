import { expect, test } from 'vitest';
import { appendBackward } from '../../../engine/plan/backward.ts';
import { PlanBuilder } from '../../../engine/plan/builder.ts';
import { appendTrainingLoss } from '../../../engine/plan/loss.ts';
import { verifyPlan } from '../../../engine/plan/verify.ts';
import { RandomStream, streamKind } from '../../../engine/random.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import type { LossSettings } from '../../../engine/train/settings.ts';

const [rows, features, classes] = [6, 5, 4] as const;
const lambda = 0.3;
const h = 2 ** -7;

const losses: readonly LossSettings[] = [
  { kind: 'crossEntropy', labelSmoothing: 0.1, classWeight: [1, 2, 0.5, 1.5] },
  { kind: 'mse' },
  { kind: 'mae' },
  { kind: 'huber', delta: 0.7 },
  { kind: 'binaryCrossEntropy' },
  { kind: 'hinge', p: 2, margin: 0.9 },
];

/** Images, mixed with the next ones, through a dense layer into a loss of both labels: as a training step with mixup is lowered. */
async function compiled(settings: LossSettings) {
  const builder = new PlanBuilder();
  const input = (name: string, shape: readonly number[], dtype: 'f32' | 'i32' = 'f32') =>
    builder.tensor(name, shape, dtype, 'input');
  const result = (name: string, shape: readonly number[]) => builder.tensor(name, shape, 'f32', 'result');
  const images = input('images', [rows, features]);
  const weight = input('weight', [classes, features]);
  const part = input('lambda', [1]);
  const [own, partner] = [input('own', [rows], 'i32'), input('partner', [rows], 'i32')];
  const classWeight = settings.kind === 'crossEntropy' ? input('classWeight', [classes]) : undefined;
  const [mixed, logits] = [result('mixed', [rows, features]), result('logits', [rows, classes])];
  const [loss, dlogits] = [result('loss', [1]), result('dlogits', [rows, classes])];
  const mixing = { a: images, b: images, weight: part };
  builder.op('run', { op: 'mixRows', attrs: { shift: 1 }, inputs: mixing, outputs: { y: mixed }, phase: 'data' });
  const inputs = { x: mixed, weight };
  builder.op('run', { op: 'linear', attrs: {}, inputs, outputs: { y: logits }, phase: 'forward' });
  const targets = { target: own, mixed: { target: partner, weight: part } };
  appendTrainingLoss(builder, settings, { segment: 'run', prefix: '', logits, targets, classWeight, loss, dlogits });
  const gradient = result('gradient', [classes, features]);
  appendBackward(builder, 'run', {
    seeds: [{ tensor: logits, gradient: dlogits }],
    targets: [{ tensor: weight, gradient }],
  });
  const plan = builder.build();
  verifyPlan(plan);
  const executable = await referenceBackend.compile(plan);
  return { executable, tensors: { images, weight, part, own, partner, classWeight, loss, gradient } };
}

test.each(losses)('the gradient of $kind of mixed images is that of the loss that is shown', async (settings) => {
  const { executable, tensors } = await compiled(settings);
  const random = new RandomStream(7, streamKind.noise);
  const normal = (size: number): Float32Array => {
    const values = new Float32Array(size);
    random.fillNormal(values);
    return values;
  };
  const labels = Int32Array.from({ length: rows }, () => random.below(classes));
  const weights = normal(classes * features);
  executable.write(tensors.images, normal(rows * features));
  executable.write(tensors.part, Float32Array.of(lambda));
  executable.write(tensors.own, labels);
  executable.write(
    tensors.partner,
    labels.map((_, n) => labels[(n + 1) % rows]!),
  );
  if (tensors.classWeight !== undefined && settings.kind === 'crossEntropy') {
    executable.write(tensors.classWeight, Float32Array.from(settings.classWeight!));
  }
  const value = new Float32Array(1);
  const lossAt = async (values: Float32Array): Promise<number> => {
    executable.write(tensors.weight, values);
    executable.run('run');
    await executable.read(tensors.loss, value);
    return value[0]!;
  };
  await lossAt(weights);
  const gradient = new Float32Array(weights.length);
  await executable.read(tensors.gradient, gradient);
  let largest = 0;
  for (let i = 0; i < weights.length; i++) {
    const at = (by: number): Promise<number> => lossAt(weights.map((each, j) => (j === i ? each + by : each)));
    const numeric = ((await at(h)) - (await at(-h))) / (2 * h);
    largest = Math.max(largest, Math.abs(numeric));
    // float32 losses carry about 1e-7 / h; the kinks of hinge, MAE and Huber are met by chance within h
    expect(Math.abs(gradient[i]! - numeric)).toBeLessThan(2e-3 + 4e-3 * Math.abs(numeric));
  }
  expect(largest).toBeGreaterThan(0.01);
  await executable.dispose();
});
