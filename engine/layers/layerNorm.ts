import { sizeOf } from '../tensor.ts';
import { defineLayer } from './layer.ts';
import { describeNorm, normParameters, normProps, oneValue } from './norm.ts';

/** Over all values of an image [C, H, W] or of features [F]; gamma and beta have the same shape. */
export const layerNorm = defineLayer({
  name: 'layerNorm',
  title: 'Layer normalisation',
  category: 'normalisation',
  summary: 'Brings all values of each image to mean 0 and variance 1.',
  help: 'Each image is normalised by itself over all its values (or features), then each value is scaled and shifted by its own trained gamma and beta. It does not look at the batch. On images gamma and beta belong to one image size; group normalisation with one group is the form that works at any size.',
  reference: { text: 'Ba, Kiros & Hinton, Layer normalization, 2016', url: 'https://arxiv.org/abs/1607.06450' },
  props: normProps,
  describe: (props) => describeNorm(props).join(', '),
  shape: (_props, [input], self) =>
    sizeOf(input!.shape) === 1 ? { fault: oneValue(self, 'remove it') } : input!.shape,
  parameters: (props, [input]) => normParameters(props, input!),
  lower(props, context) {
    const x = context.inputs[0]!;
    const sections = [context.shape(x)[0]!, 1];
    context.emit({
      op: 'layerNorm',
      attrs: { eps: props.eps },
      inputs: { x, ...(props.affine ? { gamma: context.parameter('gamma'), beta: context.parameter('beta') } : {}) },
      outputs: {
        y: context.output,
        mean: context.tensor('mean', sections, 'f32'),
        variance: context.tensor('variance', sections, 'f32'),
      },
    });
  },
});
