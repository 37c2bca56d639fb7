import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import type { Executable } from '../../../engine/backend.ts';
import { activationGradNeeds, activationNames } from '../../../engine/ops/activationName.ts';
import { hyperSize, type TensorId } from '../../../engine/ops/op.ts';
import { PlanBuilder } from '../../../engine/plan/builder.ts';
import { updateOp } from '../../../engine/plan/update.ts';
import type { OpInstance } from '../../../engine/plan/plan.ts';
import { RandomStream, streamKind } from '../../../engine/random.ts';
import { fillHyper, optimizerState } from '../../../engine/train/optimizers.ts';
import type { OptimizerSettings } from '../../../engine/train/settings.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import { processorTime } from '../../processorTime.ts';

/**
 * A processor takes a hundred times as long and more for a product with a denormal, and WebAssembly cannot have them flushed: kernels
 * whose results may be that small put 0 in their place. Looked at here: that there are none, and, as some processors take no longer for them,
 * the time of a step with such values beside one with usual ones.
 */
const most = 2;

/** How many of the values are neither 0 nor normal numbers. */
async function denormals(executable: Executable, ids: readonly TensorId[]): Promise<number> {
  let count = 0;
  for (const id of ids) {
    const values = new Float32Array(sizeOf(executable.plan.tensors[id]!.shape));
    await executable.read(id, values);
    for (const value of values) if (value !== 0 && Math.abs(value) < 2 ** -126) count++;
  }
  return count;
}

/** Least processor time of a run of segment 'step', for each way of preparing it, in turns. */
function timesOf(executable: Executable, prepare: readonly (() => void)[]): number[] {
  const least = prepare.map(() => Infinity);
  for (let round = 0; round < 8; round++) {
    prepare.forEach((write, i) => {
      write();
      const begin = processorTime();
      for (let step = 0; step < 4; step++) executable.run('step');
      least[i] = Math.min(least[i]!, processorTime() - begin);
    });
  }
  return least;
}

const uniform = (size: number, low: number, high: number, salt: number): Float32Array => {
  const stream = new RandomStream(salt, streamKind.noise);
  return Float32Array.from({ length: size }, () => low + (high - low) * stream.uniform());
};

describe('denormals do not slow a step', () => {
  it.each(activationNames)('behind %s of very negative values, forward and backward', async (fn) => {
    const [rows, width] = [64, 256];
    const builder = new PlanBuilder();
    const input = (name: string, shape: readonly number[]): TensorId => builder.tensor(name, shape, 'f32', 'input');
    const value = (name: string, shape: readonly number[]): TensorId => builder.tensor(name, shape, 'f32', 'result');
    const x = input('x', [rows, width]);
    const weight = builder.tensor('weight', [width, width], 'f32', 'parameter');
    const dy = input('dy', [rows, width]);
    const [y, z, dh, dx, dw] = ['y', 'z', 'dh', 'dx', 'dw'].map((name) =>
      value(name, name === 'dw' ? [width, width] : [rows, width]),
    ) as [TensorId, TensorId, TensorId, TensorId, TensorId];
    const emit = (op: object): void => builder.op('step', { ...op, phase: 'forward' } as OpInstance);
    const from = activationGradNeeds[fn] === 'x' ? { x } : { y };
    emit({ op: 'activation', attrs: { fn }, inputs: { x }, outputs: { y } });
    emit({ op: 'linear', attrs: {}, inputs: { x: y, weight }, outputs: { y: z } });
    emit({ op: 'linearGradInput', attrs: {}, inputs: { dy, weight }, outputs: { dx: dh } });
    emit({ op: 'activationGrad', attrs: { fn }, inputs: { ...from, dy: dh }, outputs: { dx } });
    emit({ op: 'linearGradWeight', attrs: {}, inputs: { x: y, dy: dx }, outputs: { dweight: dw } });
    const executable = await cpuBackend.compile(builder.build());
    executable.write(weight, uniform(width * width, -0.1, 0.1, 1));
    executable.write(dy, uniform(rows * width, -0.1, 0.1, 2));
    const [usual, small] = timesOf(
      executable,
      [
        [-3, 3],
        // sigmoid(-88) is the last normal number, exp(-104) is 0
        [-104, -86],
      ].map(([low, high]) => {
        const values = uniform(rows * width, low!, high!, 3);
        return () => executable.write(x, values);
      }),
    );
    expect(small! / usual!, `${small} ms beside ${usual} ms`).toBeLessThan(most);
    expect(await denormals(executable, [y, dx, z, dw])).toBe(0);
  });

  const rate = { learningRate: 0.01, weightDecay: 0 };
  const moments = { ...rate, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
  const optimizers: readonly OptimizerSettings[] = [
    { kind: 'sgd', ...rate, momentum: 0.9, dampening: 0, nesterov: false },
    { kind: 'sgd', ...rate, momentum: 0.9, dampening: 0, nesterov: true },
    { kind: 'adam', ...moments, decoupled: false },
    { kind: 'adam', ...moments, decoupled: true },
    { kind: 'rmsprop', ...rate, alpha: 0.99, eps: 1e-8, momentum: 0.9, centered: true },
    { kind: 'adagrad', ...rate, learningRateDecay: 0, initialAccumulator: 0, eps: 1e-8 },
    { kind: 'adamax', ...moments },
    { kind: 'nadam', ...moments, momentumDecay: 0.004 },
  ];
  it.each(optimizers)('$kind once the gradient has stayed away for long', async (settings) => {
    const size = 40_000;
    const builder = new PlanBuilder();
    const parameter = builder.tensor('p', [size], 'f32', 'parameter');
    const gradient = builder.tensor('p.grad', [size], 'f32', 'gradient');
    const state = optimizerState(settings).map((name) => [
      builder.tensor(`p.${name}`, [size], 'f32', 'optimizerState'),
    ]);
    const hyper = builder.tensor('hyper', [hyperSize], 'f32', 'input');
    const update = updateOp(settings, { hyper, parameters: [parameter], gradients: [gradient], state });
    builder.op('step', { ...update, phase: 'update' });
    const executable = await cpuBackend.compile(builder.build());
    const words = new Float32Array(hyperSize);
    fillHyper(settings, rate.learningRate, 5000, words);
    executable.write(hyper, words);
    executable.write(parameter, uniform(size, -1, 1, 1));
    executable.write(gradient, new Float32Array(size));
    // what a momentum has become after a thousand steps without a gradient, and what it usually is
    const [usual, small] = timesOf(
      executable,
      [1e-2, 1e-38].map((scale) => {
        const values = uniform(size, 0.1 * scale, scale, 2);
        return () => {
          for (const [tensor] of state) executable.write(tensor!, values);
        };
      }),
    );
    expect(small! / usual!, `${small} ms beside ${usual} ms`).toBeLessThan(most);
    expect(await denormals(executable, state.flat())).toBe(0);
  });
});
