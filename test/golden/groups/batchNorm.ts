import type { TensorId } from '../../../engine/ops/op.ts';
import type { Shape } from '../../../engine/tensor.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import type { GoldenCase } from '../cases.ts';
import type { Output } from '../compare.ts';
import { Trial } from '../trial.ts';
import type { Outputs } from '../trial.ts';
import { booleanOf, inputOf, numberOf } from './adapter.ts';
import type { Device } from './adapter.ts';

/** [N, C, L] is held as images one pixel wide. */
function imageShape(shape: Shape): Shape {
  return shape.length === 3 ? [...shape, 1] : shape;
}

function momentumOf(golden: GoldenCase): number | null {
  return golden.attrs['momentum'] === null ? null : numberOf(golden, 'momentum');
}

/** The count of batches that a cumulative average needs. */
function trackedBatches(golden: GoldenCase, trial: Trial, seen: number): { batchesTracked?: TensorId } {
  if (momentumOf(golden) !== null) return {};
  const batchesTracked = trial.input('batchesTracked', { shape: [1], data: Int32Array.of(seen) }, [1], 'buffer');
  return { batchesTracked };
}

export function batchNorm(golden: GoldenCase, trial: Trial): Outputs {
  const stored = { x: inputOf(golden, 'x'), dy: inputOf(golden, 'dy') };
  const shape = stored.x.shape;
  const channels: Shape = [shape[1]!];
  const eps = numberOf(golden, 'eps');
  const x = trial.input('x', stored.x, imageShape(shape));
  const dy = trial.input('dy', stored.dy, imageShape(shape));
  const y = trial.result('y', imageShape(shape));
  const dx = trial.result('dx', imageShape(shape));
  const running = {
    runningMean: trial.input('runningMean', inputOf(golden, 'running_mean'), channels, 'buffer'),
    runningVar: trial.input('runningVar', inputOf(golden, 'running_var'), channels, 'buffer'),
  };
  const affine = booleanOf(golden, 'affine');
  const gamma = affine ? { gamma: trial.input('gamma', inputOf(golden, 'weight'), channels, 'parameter') } : {};
  const beta = affine ? { beta: trial.input('beta', inputOf(golden, 'bias'), channels, 'parameter') } : {};
  const gradients = affine ? { dgamma: trial.result('dgamma', channels), dbeta: trial.result('dbeta', channels) } : {};
  const outputs: Outputs = { y: { id: y, shape }, dx: { id: dx, shape } };
  if (affine) {
    outputs['dweight'] = gradients.dgamma!;
    outputs['dbias'] = gradients.dbeta!;
  }

  if (!booleanOf(golden, 'training')) {
    trial.op('batchNormInference', { eps }, { x, ...gamma, ...beta, ...running }, { y });
    trial.op('batchNormInferenceGrad', { eps }, { x, dy, ...gamma, ...running }, { dx, ...gradients }, 'backward');
    return outputs;
  }
  const batch = { batchMean: trial.result('batchMean', channels), batchVar: trial.result('batchVar', channels) };
  const tracked = trackedBatches(golden, trial, numberOf(golden, 'num_batches_tracked'));
  const attrs = { momentum: momentumOf(golden), eps };
  trial.op('batchNorm', attrs, { x, ...gamma, ...beta, ...running, ...tracked }, { y, ...batch });
  trial.op('batchNormGrad', { eps }, { x, dy, ...gamma, ...batch }, { dx, ...gradients }, 'backward');
  return {
    ...outputs,
    batch_mean: batch.batchMean,
    batch_var: batch.batchVar,
    running_mean: running.runningMean,
    running_var: running.runningVar,
  };
}

/** Several batches one after the other, from statistics 0 and 1; then the last batch with the statistics as constants. */
export async function batchNormSequence(golden: GoldenCase, device: Device): Promise<Map<string, Output>> {
  const stored = inputOf(golden, 'x');
  const batches = numberOf(golden, 'batches');
  const shape = stored.shape.slice(1);
  const channelCount = shape[1]!;
  const channels: Shape = [channelCount];
  const eps = numberOf(golden, 'eps');
  const trial = new Trial();
  const x = trial.tensor('x', imageShape(shape), 'f32', 'input');
  const y = trial.result('y', imageShape(shape));
  const yEval = trial.result('y_eval', imageShape(shape));
  const gamma = trial.input('gamma', inputOf(golden, 'weight'), channels, 'parameter');
  const beta = trial.input('beta', inputOf(golden, 'bias'), channels, 'parameter');
  const ones = new Float32Array(channelCount).fill(1);
  const runningMean = trial.tensor('runningMean', channels, 'f32', 'buffer');
  const runningVar = trial.input('runningVar', { shape: channels, data: ones }, channels, 'buffer');
  const batch = { batchMean: trial.result('batchMean', channels), batchVar: trial.result('batchVar', channels) };
  const inputs = { x, gamma, beta, runningMean, runningVar };
  const attrs = { momentum: momentumOf(golden), eps };
  trial.op('batchNorm', attrs, { ...inputs, ...trackedBatches(golden, trial, 0) }, { y, ...batch });
  trial.op('batchNormInference', { eps }, inputs, { y: yEval }, 'forward', 'evaluate');

  const means = new Float32Array(batches * channelCount);
  const variances = new Float32Array(batches * channelCount);
  const values = stored.data as Float32Array;
  try {
    await trial.compile(device);
    for (let b = 0; b < batches; b++) {
      trial.write(x, values.slice(b * sizeOf(shape), (b + 1) * sizeOf(shape)));
      trial.run();
      means.set((await trial.read(runningMean)).data, b * channelCount);
      variances.set((await trial.read(runningVar)).data, b * channelCount);
    }
    trial.run('evaluate');
    return new Map([
      ['running_mean', { shape: [batches, channelCount], data: means }],
      ['running_var', { shape: [batches, channelCount], data: variances }],
      ['y_eval', await trial.read(yEval, shape)],
    ]);
  } finally {
    await trial.dispose();
  }
}
