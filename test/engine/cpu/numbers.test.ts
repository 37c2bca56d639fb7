import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { activationGradNeeds, activationNames, type ActivationName } from '../../../engine/ops/activationName.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { PlanBuilder } from '../../../engine/plan/builder.ts';
import type { TensorValues } from '../../../engine/tensor.ts';
import { buildTrials, noise, runPlan, worstRatio, type Trial } from './trial.ts';
import { trials } from './trials.ts';

const activations = [...activationNames, 'gelu tanh'] as const;

function activationTrial(name: (typeof activations)[number], op: 'activation' | 'activationGrad', xs: number[]): Trial {
  const fn = name.split(' ')[0] as ActivationName;
  const attrs = { fn, ...(fn === 'gelu' ? { approximate: name === 'gelu' ? 'none' : 'tanh' } : {}) };
  const x = { shape: [xs.length], values: (i: number) => xs[i]! };
  const needs = activationGradNeeds[fn];
  const dy = { shape: [xs.length], values: () => 1 };
  return {
    name: `${op} ${name}`,
    op,
    attrs,
    inputs: op === 'activation' ? { x } : { [needs]: x, dy },
    outputs: { [op === 'activation' ? 'y' : 'dx']: { shape: [xs.length] } },
  };
}

async function outputOf(trial: Trial): Promise<TensorValues> {
  const { plan, given } = buildTrials([trial]);
  return [...(await runPlan(cpuBackend, plan, given)).values()].at(-1)!;
}

describe('extreme values', () => {
  const extremes = [0, -0, 1e-45, -1e-45, 1e-38, -1e-38, 1e-20, -1e-4, 0.6249, 0.6251, 5, -5, 9.3, -9.3, 14, -14];
  const far = [80, -80, 88, -88, 100, -100, 1000, -1000, 1e30, -1e30];

  it.each(activations)('%s is right and finite', async (name) => {
    const trial = activationTrial(name, 'activation', [...extremes, ...far]);
    const { plan, given } = buildTrials([trial]);
    const wanted = await runPlan(referenceBackend, plan, given);
    const worst = worstRatio(await runPlan(cpuBackend, plan, given), wanted, 1e-12, 2e-6);
    // Below 1e-12 only the absolute size counts; above, float32 accuracy does.
    expect(worst.ratio, worst.where).toBeLessThanOrEqual(1);
  });

  it.each(activations)('the gradient of %s is right and finite', async (name) => {
    const isX = activationGradNeeds[name.split(' ')[0] as ActivationName] === 'x';
    const points = isX ? [...extremes, ...far] : [0, 1e-38, 1e-20, 0.25, 0.5, 0.75, 1];
    const { plan, given } = buildTrials([activationTrial(name, 'activationGrad', points)]);
    const wanted = await runPlan(referenceBackend, plan, given);
    const worst = worstRatio(await runPlan(cpuBackend, plan, given), wanted, 3e-7, 1e-5);
    expect(worst.ratio, worst.where).toBeLessThanOrEqual(1);
  });

  it.each(activations)('%s lets NaN through', async (name) => {
    const y = await outputOf(activationTrial(name, 'activation', [1, NaN, -1, NaN, 3]));
    expect([...y].map(Number.isNaN)).toEqual([false, true, false, true, false]);
    const dx = await outputOf(activationTrial(name, 'activationGrad', [NaN, 0.5]));
    // A step function's derivative does not depend on the size of x: relu and its kin pass dy on.
    if (!name.toLowerCase().includes('relu')) expect(Number.isNaN(dx[0])).toBe(true);
    expect(Number.isNaN(dx[1])).toBe(false);
  });
});

/** Places of the float32 numbers in order, so that neighbours differ by 1. */
function place(value: number): number {
  const bits = new Int32Array(Float32Array.of(value).buffer)[0]!;
  return bits < 0 ? -(bits & 0x7fffffff) : bits;
}

describe('accuracy in units of the last place', () => {
  /** Largest error that was measured on -20..20, rounded up; the reference computes in float64. */
  const limits: Partial<Record<(typeof activations)[number], number>> = {
    sigmoid: 2,
    tanh: 1,
    silu: 2,
    softplus: 3,
    mish: 3,
    elu: 1,
    selu: 2,
    // left of 0 a small difference of numbers near 1
    gelu: 24,
    'gelu tanh': 18,
  };

  it.each(Object.keys(limits) as (keyof typeof limits)[])('%s', async (name) => {
    // where the value is far from the flush to 0, and dense near 0
    const xs = Array.from({ length: 40_000 }, (_, i) => (i % 2 ? 1 : -1) * 20 * ((i + 1) / 40_000) ** 3);
    const trial = activationTrial(name, 'activation', xs);
    const { plan, given } = buildTrials([trial]);
    const last = async (backend: typeof cpuBackend): Promise<TensorValues> =>
      [...(await runPlan(backend, plan, given)).values()].at(-1)!;
    const [wanted, got] = [await last(referenceBackend), await last(cpuBackend)];
    let worst = 0;
    for (let i = 0; i < xs.length; i++) {
      if (Math.abs(wanted[i]!) < 1e-6) continue;
      worst = Math.max(worst, Math.abs(place(got[i]!) - place(wanted[i]!)));
    }
    expect(worst).toBeLessThanOrEqual(limits[name]!);
  });
});

describe('NaN', () => {
  /** Ops in which one bad input number must reach an output. */
  const ops = ['linear', 'linearGradInput', 'linearGradWeight', 'conv2d', 'conv2dGradInput', 'conv2dGradWeight'];
  const more = ['maxPool2d', 'avgPool2d', 'avgPool2dGrad', 'globalAvgPool2d', 'globalAvgPool2dGrad', 'flatten'];
  const losses = [
    'softmaxCrossEntropy',
    'elementwiseLoss',
    'multiMarginLoss',
    'softmax',
    'softmaxGrad',
    'logSoftmax',
    'logSoftmaxGrad',
  ];
  const rest = ['batchNorm', 'batchNormGrad', 'batchNormInference', 'add', 'concat'];

  const images = ['groupNorm', 'groupNormGrad', 'layerNorm', 'layerNormGrad', 'resize'];

  it.each([...ops, ...more, ...rest, ...losses, ...images])('goes through %s', async (op) => {
    const candidates = trials.filter((trial) => trial.op === op);
    expect(candidates.length).toBeGreaterThan(0);
    for (const trial of candidates) {
      const [slot] = Object.keys(trial.inputs);
      const first = trial.inputs[slot!]!;
      const poisoned = (tensor: object): object => ({ ...tensor, values: () => NaN });
      const inputs = { ...trial.inputs, [slot!]: Array.isArray(first) ? first.map(poisoned) : poisoned(first) };
      const { plan, given } = buildTrials([{ ...trial, inputs } as Trial]);
      const results = await runPlan(cpuBackend, plan, given);
      const outputs = [...results].filter(([name]) => plan.tensors.find((t) => t.name === name)!.role === 'result');
      const poisonedOutputs = outputs.filter(([, values]) => [...values].some(Number.isNaN));
      expect(poisonedOutputs.length, trial.name).toBeGreaterThan(0);
    }
  });

  it('and infinite logits show in the loss', async () => {
    for (const bad of [NaN, Infinity]) {
      const loss = await outputOf({
        name: 'loss',
        op: 'softmaxCrossEntropy',
        attrs: { reduction: 'mean', labelSmoothing: 0 },
        inputs: {
          logits: { shape: [2, 3], values: (i) => (i === 4 ? bad : 0) },
          target: { shape: [2], dtype: 'i32', values: () => 0 },
        },
        outputs: { loss: { shape: [1] } },
      });
      expect(Number.isFinite(loss[0])).toBe(false);
    }
  });
});

describe('pooling and its gradient', () => {
  it('sends the gradient of a tie to the first maximum', async () => {
    for (const [height, window] of [
      [8, { kernel: [2, 2], stride: [2, 2], pads: [0, 0, 0, 0] }],
      [9, { kernel: [3, 3], stride: [2, 2], pads: [1, 1, 1, 1] }],
      [7, { kernel: [3, 2], stride: [1, 2], pads: [1, 0, 0, 1] }],
    ] as const) {
      const out = (axis: 0 | 1): number =>
        Math.floor((height + window.pads[axis] + window.pads[axis + 2]! - window.kernel[axis]) / window.stride[axis]) +
        1;
      const builder = new PlanBuilder();
      const large = [3, 5, height, height];
      const small = [3, 5, out(0), out(1)];
      const x = builder.tensor('x', large, 'f32', 'input');
      const dy = builder.tensor('dy', small, 'f32', 'input');
      const y = builder.tensor('y', small, 'f32', 'result');
      const dx = builder.tensor('dx', large, 'f32', 'result');
      builder.op('run', { op: 'maxPool2d', attrs: window, inputs: { x }, outputs: { y }, phase: 'forward' });
      builder.op('run', {
        op: 'maxPool2dGrad',
        attrs: window,
        inputs: { x, y, dy },
        outputs: { dx },
        phase: 'backward',
      });
      const coarse = Float32Array.from({ length: 15 * height * height }, (_, i) => Math.round(2 * noise(1)(i)));
      const upstream = Float32Array.from({ length: 15 * out(0) * out(1) }, (_, i) => noise(2)(i));
      const given = new Map([
        [x, coarse],
        [dy, upstream],
      ]);
      const plan = builder.build();
      const wanted = await runPlan(referenceBackend, plan, given);
      const worst = worstRatio(await runPlan(cpuBackend, plan, given), wanted, 1e-6, 1e-6);
      expect(worst.ratio, worst.where).toBeLessThanOrEqual(1);
    }
  });
});
