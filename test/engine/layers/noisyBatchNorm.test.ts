import { describe, expect, it } from 'vitest';
import { PlanBuilder } from '../../../engine/plan/builder.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { lowered } from '../models/lowered.ts';

const rows = 4000;
const attrs = { stream: 7, meanRange: 0.5, largestScale: 1.25, meanSpread: 0.1, scaleSpread: 0.2 };

async function draw(step: number, stream = attrs.stream, channels = 3) {
  const builder = new PlanBuilder();
  const random = builder.tensor('random', [3], 'i32', 'input');
  const scale = builder.tensor('scale', [rows, channels], 'f32', 'result');
  const shift = builder.tensor('shift', [rows, channels], 'f32', 'result');
  const body = { op: 'noise', attrs: { ...attrs, stream }, inputs: { random }, outputs: { scale, shift } } as const;
  builder.op('run', { ...body, phase: 'forward' });
  const executable = await referenceBackend.compile(builder.build());
  executable.write(random, Int32Array.of(5, 0, step));
  executable.run('run');
  const read = async (id: number): Promise<Float32Array> => {
    const values = new Float32Array(rows * channels);
    await executable.read(id, values);
    return values;
  };
  return { scale: await read(scale), shift: await read(shift) };
}

function moments(values: Float32Array, channel: number, channels = 3): { mean: number; deviation: number } {
  const own = values.filter((_, i) => i % channels === channel);
  const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
  return { mean, deviation: Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / own.length) };
}

describe('noise', () => {
  it('has the distributions that it is asked for', async () => {
    const means: number[] = [];
    const scales: number[] = [];
    for (let step = 0; step < 20; step++) {
      const { scale, shift } = await draw(step);
      for (let c = 0; c < 3; c++) {
        const shifts = moments(shift, c);
        const factors = moments(scale, c);
        // A uniform value from -0.1 to 0.1 deviates by 0.1 / sqrt(3).
        expect(shifts.deviation).toBeCloseTo(0.1 / Math.sqrt(3), 2);
        expect(factors.deviation).toBeGreaterThan(0.19);
        expect(factors.deviation).toBeLessThan(0.21);
        means.push(shifts.mean);
        scales.push(factors.mean);
      }
    }
    expect(Math.max(...means.map(Math.abs))).toBeLessThan(0.51);
    expect(Math.max(...means) - Math.min(...means)).toBeGreaterThan(0.7);
    expect(Math.min(...scales)).toBeGreaterThan(0.98);
    expect(Math.max(...scales)).toBeLessThan(1.27);
    expect(Math.max(...scales) - Math.min(...scales)).toBeGreaterThan(0.15);
  });

  it('depends on step and stream, and on nothing else', async () => {
    const first = await draw(3);
    expect(await draw(3)).toEqual(first);
    expect((await draw(4)).shift).not.toEqual(first.shift);
    expect((await draw(3, 8)).scale).not.toEqual(first.scale);
  });
});

describe('noisy batch norm', () => {
  const plan = lowered({
    nodes: [
      { id: 'input', layer: 'input' },
      { id: 'conv', layer: 'conv2d', props: { filters: 4 } },
      { id: 'norm', layer: 'noisyBatchNorm' },
      { id: 'pool', layer: 'globalAvgPool2d' },
      { id: 'logits', layer: 'dense', props: { units: 10 } },
    ],
  });
  const opsOf = (name: string): string[] =>
    plan.segments
      .find((segment) => segment.name === name)!
      .ops.flatMap(({ op, node }) => (node === 'norm' ? [op] : []));

  it('makes noise in training only', () => {
    expect(opsOf('train')).toEqual(['batchNorm', 'noise', 'scaleShift', 'scaleShift', 'batchNormGrad']);
    expect(opsOf('evaluateTest')).toEqual(['batchNormInference']);
  });

  it('is trained like a batch norm', () => {
    const own = plan.tensors.filter(({ name }) => name.startsWith('norm.'));
    const named = (role: string): string[] => own.filter((spec) => spec.role === role).map(({ name }) => name);
    expect(named('parameter')).toEqual(['norm.gamma', 'norm.beta']);
    expect(named('buffer')).toEqual(['norm.runningMean', 'norm.runningVar']);
  });
});
