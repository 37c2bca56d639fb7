import { sizeOf } from '../tensor.ts';
import { defineLayer } from './layer.ts';

/** [C, H, W] to [C * H * W], in that order. */
export const flatten = defineLayer({
  name: 'flatten',
  title: 'Flatten',
  category: 'shape',
  summary: 'An image as one long list of features.',
  help: 'Puts all values of an image into one list, channel after channel, row after row, so that a dense layer can read them. Nothing is computed.',
  props: {},
  shape: (_props, [input]) => [sizeOf(input!.shape)],
  lower(_props, context) {
    context.emit({ op: 'flatten', attrs: {}, inputs: { x: context.inputs[0]! }, outputs: { y: context.output } });
  },
});
