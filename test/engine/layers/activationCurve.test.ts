import { describe, expect, it } from 'vitest';
import { activationCurve } from '../../../engine/layers/activationCurve.ts';
import { layers } from '../../../engine/layers/index.ts';
import { layerNames } from '../../../engine/layers/layerName.ts';
import { defaultProps } from '../../../engine/layers/props.ts';

const activations = layerNames.filter((name) => layers[name].category === 'activation');

describe('activation curves', () => {
  it.each(activations)('of %s have the derivative that finite differences give', (name) => {
    const step = 1e-5;
    const at = [-3.1, -1.7, -0.4, 0.3, 1.2, 2.9];
    const props = defaultProps(layers[name].props);
    const { y, slope } = activationCurve(name, props, at)!;
    const above = activationCurve(
      name,
      props,
      at.map((x) => x + step),
    )!.y;
    const below = activationCurve(
      name,
      props,
      at.map((x) => x - step),
    )!.y;
    expect(y).toHaveLength(at.length);
    at.forEach((_x, i) => expect(slope[i]).toBeCloseTo((above[i]! - below[i]!) / (2 * step), 4));
  });

  it('are those of no other layer', () => {
    expect(activationCurve('dense', defaultProps(layers.dense.props), [0])).toBeUndefined();
    expect(activations.length).toBeGreaterThan(10);
  });
});
