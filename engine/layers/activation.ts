import type { ActivationAttrs } from '../ops/op.ts';
import { defineLayer, type LayerDefinition } from './layer.ts';
import type { PropSchemas, PropValues } from './props.ts';

type Described<S extends PropSchemas> = Pick<
  LayerDefinition<S>,
  'name' | 'title' | 'summary' | 'help' | 'reference' | 'props'
> &
  Partial<Pick<LayerDefinition<S>, 'describe'>>;

/** A layer that applies one function to every value. */
export function defineActivation<const S extends PropSchemas>(
  layer: Described<S>,
  attrs: (props: PropValues<S>) => ActivationAttrs,
): LayerDefinition<S> {
  return defineLayer<S>({
    ...layer,
    category: 'activation',
    shape: (_props, [input]) => input!.shape,
    lower(props, context) {
      context.emit({
        op: 'activation',
        attrs: attrs(props),
        inputs: { x: context.inputs[0]! },
        outputs: { y: context.output },
      });
    },
  });
}
