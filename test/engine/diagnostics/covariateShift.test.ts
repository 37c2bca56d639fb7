import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { covariateShift } from '../../../engine/diagnostics/covariateShift.ts';
import { checkGraph } from '../../../engine/graph/check.ts';
import { initialValues } from '../../../engine/layers/initialize.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';

const document = {
  nodes: [
    { id: 'image', layer: 'input' },
    { id: 'conv', layer: 'conv2d', props: { filters: 3 } },
    { id: 'bn', layer: 'batchNorm' },
    { id: 'act', layer: 'tanh' },
    { id: 'pool', layer: 'globalAvgPool2d', inputs: ['act'] },
    { id: 'flat', layer: 'flatten', inputs: ['image'] },
    { id: 'side', layer: 'dense', props: { units: 3 } },
    { id: 'sum', layer: 'add', inputs: ['pool', 'side'] },
    { id: 'classes', layer: 'dense', props: { units: 4 } },
  ],
};
const checked = checkGraph(document, { inputShape: [1, 5, 5], classes: 4 });
const parameters = new Map(
  [...initialValues(checked.nodes, 1)].filter(([name]) => !name.includes('running')) as [string, Float32Array][],
);
const x = Float32Array.from({ length: 8 * 25 }, (_, i) => Math.sin(i * i));
const labels = [0, 1, 2, 3, 0, 1, 2, 3];
const options = { backend: referenceBackend, checked, x, labels, parameters, learningRate: 0.5 };

describe('covariate shift', () => {
  it('moves only what lies below a layer', async () => {
    const found = await covariateShift(options);
    expect(found.layers).toEqual(['conv', 'side', 'classes']);
    // neither of the branches has a layer below it, and neither lies below the other
    expect([...found.l2Difference.slice(0, 2)]).toEqual([0, 0]);
    expect([...found.cosine.slice(0, 2)]).toEqual([1, 1]);
    expect(found.l2Difference[2]).toBeGreaterThan(1e-3);
    expect(found.cosine[2]).toBeLessThan(1);
    expect([...found.gradientNorm].every((norm) => norm > 1e-4)).toBe(true);
    const still = await covariateShift({ ...options, learningRate: 0 });
    expect([...still.l2Difference]).toEqual([0, 0, 0]);
  });

  it('is the same on another backend, and for a choice of layers', async () => {
    const all = await covariateShift(options);
    const one = await covariateShift({ ...options, backend: cpuBackend, layers: ['classes'] });
    for (const measure of ['gradientNorm', 'l2Difference', 'cosine'] as const) {
      expect(one[measure][0]).toBeCloseTo(all[measure][2]!, 5);
    }
  });

  it('names what does not fit', async () => {
    await expect(covariateShift({ ...options, x: x.slice(1) })).rejects.toThrow('need 200 values, not 199');
    await expect(covariateShift({ ...options, layers: ['pool'] })).rejects.toThrow('pool.weight has no weight');
    await expect(covariateShift({ ...options, parameters: new Map() })).rejects.toThrow(
      'conv.weight (3×1×3×3) is missing',
    );
    const faulty = checkGraph({ nodes: [] }, { inputShape: [1, 5, 5] });
    await expect(covariateShift({ ...options, checked: faulty })).rejects.toMatchObject({ code: 'graph' });
  });
});
