import { describe, expect, it } from 'vitest';
import { checkGraph } from '../../../engine/graph/check.ts';
import { initialParameter, initialValues } from '../../../engine/layers/initialize.ts';
import type { Initializer } from '../../../engine/layers/initializer.ts';
import type { ParameterSpec } from '../../../engine/layers/layer.ts';
import { orthogonalRows } from '../../../engine/layers/orthogonal.ts';
import { classes, image, mlp, vgg } from '../models/examples.ts';

const fanIn = 300;
const fanOut = 200;
const spec = (initializer: Initializer): ParameterSpec => ({
  name: 'weight',
  shape: [fanOut, fanIn],
  initializer,
  fanIn,
  fanOut,
});

function moments(values: Float32Array): { mean: number; std: number; largest: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return {
    mean,
    std: Math.sqrt(variance),
    largest: values.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
  };
}

describe('initial parameters', () => {
  const normal = { distribution: 'normal', gain: 1 } as const;
  const uniform = { distribution: 'uniform', gain: 1 } as const;
  // Standard errors with 60,000 draws: mean std/245, std of a normal std/346. Bounds are about five of them.
  it.each<[Initializer, number]>([
    [{ kind: 'normal', std: 0.1 }, 0.1],
    [{ kind: 'uniform', bound: 0.3 }, 0.3 / Math.sqrt(3)],
    [{ kind: 'he', ...normal }, Math.sqrt(2 / fanIn)],
    [{ kind: 'he', ...uniform }, Math.sqrt(2 / fanIn)],
    [{ kind: 'lecun', ...normal }, Math.sqrt(1 / fanIn)],
    [{ kind: 'lecun', ...uniform }, Math.sqrt(1 / fanIn)],
    [{ kind: 'glorot', ...normal }, Math.sqrt(2 / (fanIn + fanOut))],
    [{ kind: 'glorot', ...uniform, gain: 2 }, 2 * Math.sqrt(2 / (fanIn + fanOut))],
  ])('%j has mean 0 and its standard deviation', (initializer, std) => {
    const found = moments(initialParameter(spec(initializer), 7, 'dense1.weight'));
    expect(Math.abs(found.mean)).toBeLessThan((5 * std) / 245);
    expect(Math.abs(found.std / std - 1)).toBeLessThan(5 / 346);
    const isUniform =
      initializer.kind === 'uniform' || ('distribution' in initializer && initializer.distribution === 'uniform');
    if (isUniform) {
      expect(found.largest).toBeLessThanOrEqual(std * Math.sqrt(3) * (1 + 1e-6));
      expect(found.largest).toBeGreaterThan(std * Math.sqrt(3) * 0.999);
    } else {
      expect(found.largest).toBeGreaterThan(std * 3.5);
    }
  });

  describe('orthogonal', () => {
    /** Largest |row i . row j - gain² [i = j]| of a matrix, or of its transpose where there are more rows than columns. */
    function departure(values: Float32Array, rows: number, columns: number, gain: number): number {
      const tall = rows > columns;
      const [count, length] = tall ? [columns, rows] : [rows, columns];
      const at = (i: number, k: number): number => (tall ? values[k * columns + i]! : values[i * columns + k]!);
      let worst = 0;
      for (let i = 0; i < count; i++) {
        for (let j = 0; j <= i; j++) {
          let dot = 0;
          for (let k = 0; k < length; k++) dot += at(i, k) * at(j, k);
          worst = Math.max(worst, Math.abs(dot - (i === j ? gain * gain : 0)));
        }
      }
      return worst;
    }

    it.each([
      ['wide', [40, 90], 1],
      ['tall', [90, 40], Math.SQRT2],
      ['square', [48, 48], 1],
      ['filters, as outputs by inputs times taps', [20, 8, 3, 3], 0.5],
      ['more filters than taps', [24, 2, 3, 3], 1],
      ['a single value', [1, 1], 1],
    ] as const)('%s', (_, shape, gain) => {
      const [rows, ...rest] = shape;
      const columns = rest.reduce<number>((product, extent) => product * extent, 1);
      const own = { name: 'weight', shape, initializer: { kind: 'orthogonal', gain } as const, fanIn: 1, fanOut: 1 };
      const values = initialParameter(own, 3, 'conv.weight');
      expect(departure(values, rows, columns, gain)).toBeLessThan(2e-6);
    });

    it('draws from all such matrices: no sign is preferred, and seeds differ', () => {
      const own = {
        name: 'w',
        shape: [1, 1],
        initializer: { kind: 'orthogonal', gain: 1 },
        fanIn: 1,
        fanOut: 1,
      } as const;
      const signs = Array.from({ length: 400 }, (_, seed) => initialParameter(own, seed, 'w')[0]!);
      expect(signs.every((value) => Math.abs(value) === 1)).toBe(true);
      // 200 of 400 are expected; a standard deviation is 10
      expect(Math.abs(signs.filter((value) => value > 0).length - 200)).toBeLessThan(50);
      // entries of a large one behave like normal draws of variance 1 / columns (Diaconis and Freedman 1987)
      const found = moments(initialParameter(spec({ kind: 'orthogonal', gain: 1 }), 5, 'b.weight'));
      expect(Math.abs(found.mean)).toBeLessThan(5 / Math.sqrt(fanIn) / 245);
      expect(Math.abs(found.std * Math.sqrt(fanIn) - 1)).toBeLessThan(1e-4);
    });

    it('stays as it is where a matrix has no full rank', () => {
      const values = orthogonalRows(new Float64Array(12), 3, 4);
      expect(departure(Float32Array.from(values), 3, 4, 1)).toBeLessThan(1e-6);
    });
  });

  it('fills with zeros and constants', () => {
    expect(initialParameter(spec({ kind: 'zeros' }), 1, 'a').every((value) => value === 0)).toBe(true);
    expect(initialParameter(spec({ kind: 'constant', value: 0.25 }), 1, 'a').every((value) => value === 0.25)).toBe(
      true,
    );
  });

  it('depends on seed and name, and on nothing else', () => {
    const he = spec({ kind: 'he', ...normal });
    const values = initialParameter(he, 1, 'a.weight');
    expect(initialParameter(he, 1, 'a.weight')).toEqual(values);
    expect(initialParameter(he, 2, 'a.weight')).not.toEqual(values);
    expect(initialParameter(he, 1 + 2 ** 32, 'a.weight')).not.toEqual(values);
    expect(initialParameter(he, 1, 'b.weight')).not.toEqual(values);
    // A twice as large gain takes the very same draws.
    const doubled = initialParameter(spec({ kind: 'he', distribution: 'normal', gain: 2 }), 1, 'a.weight');
    expect(doubled.every((value, i) => Math.abs(value - 2 * values[i]!) <= 1e-6 * Math.abs(value))).toBe(true);
  });
});

describe('initial values of a model', () => {
  const options = { inputShape: image, classes };

  it('has every parameter and buffer by its name in a plan', () => {
    const { nodes } = checkGraph(vgg, options);
    const values = initialValues(nodes, 3);
    expect([...values.keys()].slice(0, 5)).toEqual([
      'conv1.weight',
      'bn1.gamma',
      'bn1.beta',
      'bn1.runningMean',
      'bn1.runningVar',
    ]);
    expect(values.get('bn1.gamma')).toEqual(new Float32Array(32).fill(1));
    expect(values.get('bn1.runningVar')).toEqual(new Float32Array(32).fill(1));
    expect(values.get('dense2.bias')).toEqual(new Float32Array(10));
    expect(values.get('conv3.weight')).toHaveLength(64 * 32 * 9);
    const std = moments(values.get('conv3.weight') as Float32Array).std;
    expect(Math.abs(std / Math.sqrt(2 / (32 * 9)) - 1)).toBeLessThan(0.03);
  });

  it('does not move the draws of other layers when one is added', () => {
    const { nodes } = checkGraph(mlp, options);
    const longer = checkGraph(
      {
        nodes: [
          ...mlp.nodes.slice(0, 4),
          { id: 'new', layer: 'dense' },
          { id: 'newAct', layer: 'relu' },
          ...mlp.nodes.slice(4),
        ],
      },
      options,
    );
    expect(longer.ok).toBe(true);
    const values = initialValues(nodes, 5);
    const more = initialValues(longer.nodes, 5);
    for (const [name, own] of values) expect(more.get(name)).toEqual(own);
    expect(more.size).toBe(values.size + 2);
  });
});
