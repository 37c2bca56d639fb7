import { defineLayer, describeShape } from './layer.ts';

/** Channels behind channels, or features behind features; height and width must agree. */
export const concat = defineLayer({
  name: 'concat',
  title: 'Concatenate',
  category: 'merge',
  summary: 'Puts channels or features one behind the other.',
  help: 'Joins its inputs along the channels (images of the same height and width) or along the features, in the order in which they are connected.',
  inputs: { min: 2, max: null },
  props: {},
  shape(_props, inputs, self) {
    const first = inputs[0]!;
    const rest = (shape: readonly number[]): string => `${shape.length}:${shape.slice(1).join()}`;
    const other = inputs.find(({ shape }) => rest(shape) !== rest(first.shape));
    if (other !== undefined) {
      return {
        fault: `${self} joins images of one height and width, or features, but ${first.id} gives ${describeShape(first.shape)} and ${other.id} ${describeShape(other.shape)}; bring them to one size with pooling, stride or padding.`,
      };
    }
    return [inputs.reduce((sum, { shape }) => sum + shape[0]!, 0), ...first.shape.slice(1)];
  },
  lower(_props, context) {
    context.emit({ op: 'concat', attrs: { axis: 1 }, inputs: { xs: context.inputs }, outputs: { y: context.output } });
  },
});
