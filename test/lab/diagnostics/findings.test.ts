import { describe, expect, it } from 'vitest';
import type { Diagnostics, Measure } from '../../../lab/contract/diagnosticsRecords.ts';
import { findingsOf, type NetworkFacts } from '../../../lab/diagnostics/findings.ts';
import { healthyRanges } from '../../../lab/diagnostics/ranges.ts';

const facts: NetworkFacts = {
  batchSize: 64,
  learningRate: 0.1,
  rateShare: () => 1,
  hasBatchNorm: false,
  weights: new Map([
    ['dense1', 400],
    ['classes', 100],
  ]),
};

type Seen = Parameters<typeof findingsOf>[0];

/** One probe at step 400 with these values. */
function seen(values: Readonly<Record<string, Partial<Record<Measure, number>>>>, more: Partial<Seen> = {}): Seen {
  const layers: Diagnostics['layers'] = Object.entries(values).map(([id, measures]) => ({
    id,
    kind: 'dense',
    measures: Object.fromEntries(Object.entries(measures).map(([name, value]) => [name, [value]])),
  }));
  return { steps: [400], probes: 9, share: 0.01, layers, ...more };
}

const texts = (of: Seen, more: Partial<NetworkFacts> = {}): string[] =>
  findingsOf(of, { ...facts, ...more }).map(({ severity, text, advice }) => `${severity}: ${text} ${advice}`);

describe('findings', () => {
  it('are sentences with what to try', () => {
    expect(texts(seen({ tanh2: { saturation: 0.68 } }))).toEqual([
      'warning: 68 % of tanh2 is saturated. Try Glorot initial weights, BatchNorm before the activation, or a smaller learning rate.',
    ]);
    expect(texts(seen({ relu1: { deadFraction: 0.9 } }), { hasBatchNorm: true })).toEqual([
      'problem: 90 % of the units of relu1 are dead: no image of the batch makes them fire. Try a smaller learning rate, He initial weights, or leaky ReLU.',
    ]);
  });

  it.each(healthyRanges.map((range) => [range.measure, range] as const))(
    'keep to the healthy range of %s',
    (measure, { low, high }) => {
      const at = (value: number): number => texts(seen({ layer: { [measure]: value } })).length;
      if (high !== null) expect([at(high), at(high * 1.01)]).toEqual([0, 1]);
      if (low !== null) expect([at(low), at(low * 0.99)]).toEqual([0, 1]);
    },
  );

  it('look at the last value only, and name its step', () => {
    const of = seen({});
    const layers: Diagnostics['layers'] = [
      { id: 's', kind: 'sigmoid', measures: { saturation: [0.9, 0.2, null] } },
      { id: 't', kind: 'tanh', measures: { saturation: [0.2, 0.9, null] } },
    ];
    const found = findingsOf({ ...of, steps: [0, 200, 400], layers }, facts);
    expect(found.map(({ layer, step, value }) => [layer, step, value])).toEqual([['t', 200, 0.9]]);
  });

  it('say when the gradient vanishes, per weight, from the last layer to the first', () => {
    const of = (first: number): string[] =>
      texts(seen({ dense1: { gradientNorm: first }, classes: { gradientNorm: 1 } }));
    // 20 and 10 are the roots of the numbers of weights
    expect(of(0.021)).toEqual([]);
    expect(of(0.019)).toEqual([expect.stringContaining('dense1 gets 0.0095 of what classes gets')]);
    expect(of(0.0019)[0]).toContain('problem: ');
  });

  it('do not judge moving statistics before they have settled', () => {
    const of = seen({ norm: { bnVarianceShift: 30 } });
    expect(texts({ ...of, steps: [0] })).toEqual([]);
    expect(texts(of)[0]).toContain('differ by a factor of 30');
  });

  it('put problems first, and tell what the diagnostics cost where that is much', () => {
    const of = seen({ a: { drift: 2 }, b: { saturation: 0.6 }, c: { nonFinite: 0.5 } }, { share: 0.08 });
    expect(findingsOf(of, facts).map(({ severity }) => severity)).toEqual(['problem', 'warning', 'note', 'note']);
    expect(texts(of).at(-1)).toContain('took 8 % of the training time');
  });

  it('weigh the batch against the noise of the gradient', () => {
    expect(texts(seen({ '': { noiseScale: 1000 } }))[0]).toContain('about 1000 images, the batch has 64');
    expect(texts(seen({ '': { noiseScale: 3 } }))[0]).toContain('far above the noise scale');
    expect(texts(seen({ '': { noiseScale: 60 } }))).toEqual([]);
  });

  it('take small steps for a fault only while the schedule has not come down', () => {
    const slow = seen({ dense1: { updateRatio: 1e-7 } });
    expect(findingsOf(slow, facts).map(({ measure }) => measure)).toEqual(['updateRatio']);
    expect(findingsOf(slow, { ...facts, rateShare: (step) => (step > 300 ? 0.01 : 1) })).toEqual([]);
  });
});
