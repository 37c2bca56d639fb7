import { describe, expect, it } from 'vitest';
import { measureNames } from '../../../engine/index.ts';
import { bench, smallSpec } from '../fakes.ts';

describe('findings of a run', () => {
  it('excuse small updates where stages and plateaus had lowered the rate', async () => {
    const it = await bench({ start: false });
    const training = {
      batchSize: 50,
      optimizer: { kind: 'sgd', learningRate: 0.1 },
      stages: [{ length: { steps: 10 } }, { length: { steps: 10 }, learningRateFactor: 0.01 }],
    };
    const [run] = await it.lab.call('runs.create', { spec: { ...smallSpec, training } });
    const values = new Float32Array(measureNames.length).fill(Number.NaN);
    values[measureNames.indexOf('updateRatio')] = 1e-6;
    const probe = (step: number) => ({ step, seconds: 0, layers: [{ layer: 'd', values, histograms: [] }] });
    const said = async (): Promise<string[]> => {
      const { findings } = await it.lab.call('diagnostics.get', { id: run!.id });
      return findings.filter(({ measure }) => measure === 'updateRatio').map(({ severity }) => severity);
    };
    const steps = Array.from({ length: 20 }, (_, i) => i + 1);
    const rates = steps.map((step) => (step <= 10 ? 0.1 : 0.001));
    it.store.appendSeries(run!.id, [{ name: 'learningRate', steps, values: rates, seconds: steps }]);
    it.store.appendProbes(run!.id, [probe(9)]);
    expect(await said()).toEqual(['warning']);
    // behind the boundary the rate is a hundredth
    it.store.appendProbes(run!.id, [probe(10)]);
    expect(await said()).toEqual([]);
  });
});
