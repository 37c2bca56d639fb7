import { defineLayer, isImage, needsImage } from './layer.ts';
import { describePool, poolProps, poolWindow } from './pool.ts';
import { pooledShape } from './window.ts';

export const avgPool2d = defineLayer({
  name: 'avgPool2d',
  title: 'Average pooling',
  category: 'pooling',
  summary: 'Averages each window.',
  help: 'Makes the image smaller by averaging each window, channel by channel.',
  props: {
    ...poolProps,
    countIncludePad: {
      kind: 'boolean',
      label: 'Count padding',
      help: 'Whether padding counts as zeros in the average; if not, only real pixels are averaged.',
      default: true,
    },
  },
  describe: describePool,
  shape: (props, [input], self) =>
    isImage(input!.shape) ? pooledShape(poolWindow(props), input!, self, props.ceilMode) : needsImage(self, input!),
  window: poolWindow,
  lower(props, context) {
    const { kernel, stride, pads } = poolWindow(props);
    context.emit({
      op: 'avgPool2d',
      attrs: { kernel, stride, pads, countIncludePad: props.countIncludePad },
      inputs: { x: context.inputs[0]! },
      outputs: { y: context.output },
    });
  },
});
