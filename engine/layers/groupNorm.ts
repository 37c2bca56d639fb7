import { sizeOf } from '../tensor.ts';
import { defineLayer } from './layer.ts';
import { describeNorm, normParameters, normProps, oneValue } from './norm.ts';

/** Per group of channels of an image [C, H, W], or of features [F]; gamma and beta [C]. */
export const groupNorm = defineLayer({
  name: 'groupNorm',
  title: 'Group normalisation',
  category: 'normalisation',
  summary: 'Brings groups of channels of each image to mean 0 and variance 1.',
  help: 'Each image is normalised by itself, a group of neighbouring channels at a time, then scaled and shifted by a trained gamma and beta per channel. It does not look at the batch, so small batches do as well as large ones and evaluation is no special case. One group takes all channels together; as many groups as channels is instance normalisation.',
  reference: { text: 'Wu & He, Group normalization, 2018', url: 'https://arxiv.org/abs/1803.08494' },
  props: {
    groups: {
      kind: 'integer',
      label: 'Groups',
      help: 'Into how many parts the channels are split; it must divide their number.',
      default: 8,
      min: 1,
      max: 65536,
    },
    ...normProps,
  },
  describe: (props) => [`${props.groups} groups`, ...describeNorm(props)].join(', '),
  shape({ groups }, [input], self) {
    const { id, shape } = input!;
    const channels = shape[0]!;
    if (channels % groups !== 0) {
      const fault = `${self} splits its input into ${groups} groups, but ${id} gives ${shape.join('×')}; choose a number of groups that divides ${channels}.`;
      return { prop: 'groups', fault };
    }
    return sizeOf(shape) === groups ? { prop: 'groups', fault: oneValue(self, 'use fewer groups') } : shape;
  },
  parameters: (props, [input]) => normParameters(props, [input![0]!]),
  lower(props, context) {
    const x = context.inputs[0]!;
    const sections = [context.shape(x)[0]!, props.groups];
    context.emit({
      op: 'groupNorm',
      attrs: { groups: props.groups, eps: props.eps },
      inputs: { x, ...(props.affine ? { gamma: context.parameter('gamma'), beta: context.parameter('beta') } : {}) },
      outputs: {
        y: context.output,
        mean: context.tensor('mean', sections, 'f32'),
        variance: context.tensor('variance', sections, 'f32'),
      },
    });
  },
});
