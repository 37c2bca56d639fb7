import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { deadUnits } from '../../../engine/diagnostics/deadUnits.ts';
import { histogram } from '../../../engine/diagnostics/histogram.ts';
import { percentiles } from '../../../engine/diagnostics/percentiles.ts';
import { saturation } from '../../../engine/diagnostics/saturation.ts';
import { summarise } from '../../../engine/diagnostics/summary.ts';
import { statisticSlot } from '../../../engine/ops/op.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import type { TensorValues } from '../../../engine/tensor.ts';
import { buildTrials, noise, runPlan, type TrialTensor } from '../cpu/trial.ts';

const at = [0, 1, 15, 50, 85, 99, 100];
const bins = 16;

/** What the op says of x on a backend, by output. */
async function seen(
  backend: typeof cpuBackend,
  x: TrialTensor,
  attrs: { range?: readonly [number, number]; inside?: readonly [number, number] } = {},
): Promise<(name: string) => TensorValues> {
  const { range = null, inside = null } = attrs;
  const { plan, given } = buildTrials([
    {
      name: 'op',
      op: 'summarise',
      attrs: { percentiles: at, bins, range, inside },
      inputs: { x },
      outputs: {
        statistics: { shape: [9] },
        percentiles: { shape: [at.length] },
        histogram: { shape: [bins + 2], dtype: 'i32' },
        ...(inside && { inside: { shape: [x.shape[1]!], dtype: 'i32' as const } }),
      },
    },
  ]);
  const results = await runPlan(backend, plan, given);
  return (name) => results.get(`op: ${name}`)!;
}

const values = (x: TrialTensor): Float32Array =>
  Float32Array.from({ length: x.shape.reduce((product, extent) => product * extent, 1) }, (_, i) => x.values!(i));
const rough = (i: number): number => noise(4)(i) ** 5 * 300;

describe.each([
  ['cpu', cpuBackend],
  ['reference', referenceBackend],
])('summarise on %s', (_, backend) => {
  it('finds percentiles that are values themselves, next to the interpolated ones', async () => {
    const x: TrialTensor = { shape: [37, 5, 23, 29], values: rough };
    const found = (await seen(backend, x))('percentiles');
    const sorted = values(x).sort();
    const between = percentiles(sorted, at);
    at.forEach((p, i) => {
      const place = Math.floor(((sorted.length - 1) * p) / 100);
      expect(Object.is(found[i], sorted[place]), `p${p}`).toBe(true);
      expect(between[i]!).toBeGreaterThanOrEqual(sorted[place]!);
      expect(between[i]!).toBeLessThanOrEqual(sorted[Math.min(sorted.length - 1, place + 1)]!);
    });
  });

  it('gives the mean, deviation and norm of the measure by itself', async () => {
    const x: TrialTensor = { shape: [11, 130], values: (i) => 1000 + rough(i) };
    const statistics = (await seen(backend, x))('statistics');
    const summary = summarise(values(x));
    expect(statistics[statisticSlot.mean]).toBeCloseTo(summary.mean, 3);
    expect(statistics[statisticSlot.std]! / summary.std).toBeCloseTo(1, 5);
    expect(statistics[statisticSlot.norm]! / summary.l2Norm).toBeCloseTo(1, 6);
    expect(statistics[statisticSlot.minimum]).toBe(summary.min);
    expect(statistics[statisticSlot.maximum]).toBe(summary.max);
  });

  it('counts into the bins of the measure by itself', async () => {
    // multiples of an eighth: no value is within rounding of an edge without being one
    const x: TrialTensor = { shape: [20, 31], values: (i) => ((i * 7) % 41) / 8 - 2 };
    const counts = (await seen(backend, x, { range: [-1, 1] }))('histogram');
    const wanted = histogram(values(x), bins, [-1, 1]);
    expect([...counts]).toEqual([wanted.below, ...wanted.counts, wanted.above]);
  });

  it('counts dead and saturated values of each unit as the measures do', async () => {
    const shape = [6, 5, 4, 3];
    const relu = (i: number): number => (Math.floor(i / 12) % 5 === 2 ? 0 : Math.max(0, noise(2)(i)));
    const zeros = (await seen(backend, { shape, values: relu }, { inside: [0, 0] }))('inside');
    const dead = deadUnits(values({ shape, values: relu }), shape);
    expect([...zeros].map((count) => (count === 72 ? 1 : 0))).toEqual([...dead.dead]);
    expect(dead.deadFraction).toBe(0.2);
    const sigmoid = (i: number): number => 1 / (1 + Math.exp(-8 * noise(6)(i)));
    const inside = (await seen(backend, { shape, values: sigmoid }, { inside: [0.05, 0.95] }))('inside');
    const saturated = saturation(values({ shape, values: sigmoid }), shape, { activation: 'sigmoid' });
    expect([...inside].map((count) => 1 - count / 72)).toEqual(
      [...saturated.fractionPerUnit].map((part) => expect.closeTo(part, 9) as number),
    );
  });
});
