import { describe, expect, it } from 'vitest';
import type { Backend } from '../../../engine/backend.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { PlanBuilder } from '../../../engine/plan/builder.ts';
import { gradientOps } from '../../../engine/plan/update.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import type { ClipSettings } from '../../../engine/train/settings.ts';
import { noise } from './trial.ts';

const shapes = [[5, 3], [7], [3, 2, 3, 3], [2, 1, 3, 5], [1]];

/** Clips gradients that an op has left with values in their padding: sigmoid(0) is 0.5. */
async function clipped(
  backend: Backend,
  clip: ClipSettings,
  source: (index: number) => number,
): Promise<{ norm: number; gradients: Float32Array[] }> {
  const builder = new PlanBuilder();
  const xs = shapes.map((shape, i) => builder.tensor(`x${i}`, shape, 'f32', 'input'));
  const gradients = shapes.map((shape, i) => builder.tensor(`g${i}`, shape, 'f32', 'gradient'));
  const norm = builder.tensor('norm', [1], 'f32', 'result');
  xs.forEach((x, i) => {
    const outputs = { y: gradients[i]! };
    builder.op('run', { op: 'activation', attrs: { fn: 'sigmoid' }, inputs: { x }, outputs, phase: 'backward' });
  });
  for (const body of gradientOps({ clip, l1: 0 }, { parameters: gradients, gradients }, () => norm)) {
    builder.op('run', { ...body, phase: 'update' });
  }
  const executable = await backend.compile(builder.build());
  try {
    xs.forEach((x, i) =>
      executable.write(
        x,
        Float32Array.from({ length: sizeOf(shapes[i]!) }, (_, j) => source(j + i)),
      ),
    );
    executable.run('run');
    const read = (id: number, size: number): Float32Array => {
      const values = new Float32Array(size);
      void executable.read(id, values);
      return values;
    };
    return { norm: read(norm, 1)[0]!, gradients: gradients.map((id, i) => read(id, sizeOf(shapes[i]!))) };
  } finally {
    await executable.dispose();
  }
}

describe('clipping on the cpu backend', () => {
  it('counts no padding', async () => {
    const wanted = await clipped(referenceBackend, { norm: 0.7 }, noise(1));
    const got = await clipped(cpuBackend, { norm: 0.7 }, noise(1));
    expect(got.norm / wanted.norm).toBeCloseTo(1, 6);
    const squares = got.gradients.flatMap((values) => [...values]).reduce((sum, value) => sum + value * value, 0);
    expect(Math.sqrt(squares)).toBeCloseTo(0.7, 5);
  });

  it.each([
    ['reference', referenceBackend],
    ['cpu', cpuBackend],
  ] as const)('hands a value that is not a number on, on %s', async (_name, backend) => {
    const spoilt = (index: number): number => (index === 2 ? NaN : 0.5);
    const byNorm = await clipped(backend, { norm: 1 }, spoilt);
    expect(byNorm.norm).toBeNaN();
    expect(byNorm.gradients.every((values) => values.every(Number.isNaN))).toBe(true);
    const byValue = await clipped(backend, { value: 0.1 }, spoilt);
    expect([...byValue.gradients[1]!].map((value) => Number.isNaN(value))).toEqual(
      [0, 1, 2, 3, 4, 5, 6].map((j) => j + 1 === 2),
    );
  });
});
