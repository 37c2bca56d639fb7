import { defineLayer, isImage, needsImage } from './layer.ts';
import { describePool, poolProps, poolWindow } from './pool.ts';
import { pooledShape } from './window.ts';

export const maxPool2d = defineLayer({
  name: 'maxPool2d',
  title: 'Max pooling',
  category: 'pooling',
  summary: 'Keeps the largest value of each window.',
  help: 'Makes the image smaller by keeping only the largest value of each window, channel by channel: whether a pattern is there counts more than where exactly. Padding never wins.',
  props: poolProps,
  describe: describePool,
  shape: (props, [input], self) =>
    isImage(input!.shape) ? pooledShape(poolWindow(props), input!, self, props.ceilMode) : needsImage(self, input!),
  window: poolWindow,
  lower(props, context) {
    const { kernel, stride, pads } = poolWindow(props);
    context.emit({
      op: 'maxPool2d',
      attrs: { kernel, stride, pads },
      inputs: { x: context.inputs[0]! },
      outputs: { y: context.output },
    });
  },
});
