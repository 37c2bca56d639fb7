import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { measureNames } from '../../engine/index.ts';
import { openStore } from '../../db/open.node.ts';
import type { Store, StepProbe } from '../../lab/ports.ts';
import { leastTime, slowness } from '../processorTime.ts';
import { home, run, spec } from './fixtures.ts';

const probe = (step: number, layers = 1): StepProbe => ({
  step,
  seconds: 0.5,
  layers: Array.from({ length: layers }, (_, l) => ({
    layer: `layer${l}`,
    values: new Float32Array(measureNames.length).fill(step + l),
    histograms: [
      { of: 'activation' as const, low: 0, high: 1, counts: Int32Array.of(0, step, 2, 0) },
      { of: 'gradient' as const, low: -1, high: 1, counts: Int32Array.of(0, 1, 1, 0) },
    ],
  })),
});

describe('probes', () => {
  let store: Store;
  beforeEach(() => {
    store = openStore(home());
    store.insertRun(run('r1'), spec);
  });
  afterEach(() => store.close());

  it('are read by layer and step', () => {
    store.appendProbes('r1', [probe(0, 2), probe(1, 2), probe(200, 2)]);
    const read = store.readProbes('r1', { maxSteps: 10, layers: ['layer1'], from: 1, to: 300 });
    expect(read.steps).toEqual([1, 200]);
    expect(read.layers.map(({ layer, measures }) => [layer, measures.map((row) => row?.[0])])).toEqual([
      ['layer1', [2, 201]],
    ]);
    expect(
      store.readHistograms('r1', { layer: 'layer0', of: 'activation', maxSteps: 9 }).map(({ step }) => step),
    ).toEqual([0, 1, 200]);
  });

  it('of a step take the place of earlier ones, and are dropped from where a run goes on', () => {
    store.appendProbes('r1', [probe(0), probe(200), probe(400)]);
    store.appendProbes('r1', [{ ...probe(200), seconds: 7 }]);
    expect(store.readProbes('r1', { maxSteps: 10 })).toMatchObject({ probes: 3, seconds: 8 });
    store.truncateSeries('r1', 200);
    expect(store.readProbes('r1', { maxSteps: 10 }).steps).toEqual([0]);
    expect(store.readHistograms('r1', { layer: 'layer0', of: 'gradient', maxSteps: 10 })).toHaveLength(1);
    store.truncateSeries('r1', -1);
    expect(store.readProbes('r1', { maxSteps: 10 })).toMatchObject({ probes: 0, layers: [] });
  });

  it('go with their run', () => {
    store.appendProbes('r1', [probe(0)]);
    store.markDeleted(['r1'], 1);
    store.purgeDeleted(2);
    store.insertRun(run('r1'), spec);
    expect(store.readProbes('r1', { maxSteps: 10 })).toMatchObject({ probes: 0, layers: [] });
    expect(store.readHistograms('r1', { layer: 'layer0', of: 'gradient', maxSteps: 10 })).toEqual([]);
  });

  it('of 10,000 steps and 20 layers are read within half a second, thinned with the first and the last', () => {
    const bare = (step: number): StepProbe => {
      const { layers, ...rest } = probe(step, 20);
      return { ...rest, layers: layers.map((layer) => ({ ...layer, histograms: [] })) };
    };
    for (let from = 0; from < 10_000; from += 500) {
      store.appendProbes(
        'r1',
        Array.from({ length: 500 }, (_, i) => bare(from + i)),
      );
    }
    const read = store.readProbes('r1', { maxSteps: 300 });
    const elapsed = leastTime(() => store.readProbes('r1', { maxSteps: 300 }), 3);
    expect(read.probes).toBe(10_000);
    expect(read.steps).toHaveLength(300);
    expect([read.steps[0], read.steps.at(-1)]).toEqual([0, 9999]);
    expect(read.layers).toHaveLength(20);
    expect(elapsed).toBeLessThan(500 * slowness());
    console.info(`10,000 probed steps x 20 layers, thinned to 300: ${elapsed.toFixed(0)} ms`);
  });
});
