import { activationFormulas } from '../ops/activationFormulas.ts';
import { activationGradNeeds } from '../ops/activationName.ts';
import type { ActivationAttrs } from '../ops/op.ts';
import { layers } from './index.ts';
import type { LayerName } from './layerName.ts';
import type { PropValues } from './props.ts';

export interface ActivationCurve {
  readonly y: readonly number[];
  /** dy/dx at the same places. */
  readonly slope: readonly number[];
}

/** What an activation layer does to each x, and with what derivative; undefined for layers that are no activation. */
export function activationCurve(
  layer: LayerName,
  props: PropValues,
  x: readonly number[],
): ActivationCurve | undefined {
  const attrs = attrsOf(layer, props);
  if (attrs === undefined) return undefined;
  const { value, derivative } = activationFormulas[attrs.fn];
  const y = x.map((each) => value(each, attrs));
  const from = activationGradNeeds[attrs.fn] === 'x' ? x : y;
  return { y, slope: from.map((each) => derivative(each, attrs)) };
}

/** The attributes with which the layer lowers itself: its own word for which function it is. */
function attrsOf(layer: LayerName, props: PropValues): ActivationAttrs | undefined {
  if (layers[layer].category !== 'activation') return undefined;
  let found: ActivationAttrs | undefined;
  const none = (): never => {
    throw new Error('An activation has no parameters, buffers or further tensors.');
  };
  layers[layer].lower(props, {
    node: layer,
    mode: 'evaluate',
    inputs: [0],
    output: 0,
    random: 0,
    shape: none,
    parameter: none,
    buffer: none,
    tensor: none,
    emit: (op) => {
      if (op.op === 'activation') found = op.attrs;
    },
  });
  return found;
}
