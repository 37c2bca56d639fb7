import { defineLayer, isImage, needsImage } from './layer.ts';

/** [C, H, W] to [C]. */
export const globalAvgPool2d = defineLayer({
  name: 'globalAvgPool2d',
  title: 'Global average pooling',
  category: 'pooling',
  summary: 'Averages each channel to one number.',
  help: 'Averages every channel over the whole image, which leaves one feature per channel. What follows does not depend on the image size, so the same weights work at any size.',
  reference: { text: 'Lin, Chen & Yan, Network in network, 2014', url: 'https://arxiv.org/abs/1312.4400' },
  props: {},
  shape: (_props, [input], self) => (isImage(input!.shape) ? [input!.shape[0]!] : needsImage(self, input!)),
  window: (_props, [input]) => ({
    kernel: [input![1]!, input![2]!],
    stride: [1, 1],
    dilation: [1, 1],
    pads: [0, 0, 0, 0],
  }),
  lower(_props, context) {
    context.emit({
      op: 'globalAvgPool2d',
      attrs: {},
      inputs: { x: context.inputs[0]! },
      outputs: { y: context.output },
    });
  },
});
