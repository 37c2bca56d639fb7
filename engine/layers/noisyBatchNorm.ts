import { streamOf } from '../random.ts';
import { batchNorm } from './batchNorm.ts';
import { defineLayer } from './layer.ts';

const number = (label: string, help: string, initial: number, min: number) =>
  ({ kind: 'number', label, help, default: initial, min, max: 100 }) as const;

const { replacesBias: _replacesBias, ...batchNormProps } = batchNorm.props;

/** As batchNorm; in training, the values of each channel of each image are then scaled and shifted at random. */
export const noisyBatchNorm = defineLayer({
  name: 'noisyBatchNorm',
  title: 'Noisy batch normalisation',
  category: 'normalisation',
  summary: 'Batch normalisation whose output is shifted and scaled at random, anew in every step.',
  help: 'A control experiment, not a layer to build with: after batch normalisation each channel gets a random mean and standard deviation, other ones in every training step, so the next layer sees an input distribution that never settles. If networks still train well, steady distributions cannot be why batch normalisation helps. Evaluation adds no noise.',
  reference: {
    text: 'Santurkar, Tsipras, Ilyas & Madry, How does batch normalization help optimization?, 2018',
    url: 'https://arxiv.org/abs/1805.11604',
  },
  props: {
    ...batchNormProps,
    meanRange: number('Mean', 'The mean of a channel is drawn from minus this to this in every step.', 0.5, 0),
    largestScale: number('Largest scale', 'The scale of a channel is drawn from 1 to this in every step.', 1.25, 1),
    meanSpread: number('Spread of means', 'Half the range in which the shift of single images varies.', 0.1, 0),
    scaleSpread: number('Spread of scales', 'Standard deviation of the scale of single images.', 0.1, 0),
  },
  describe(props) {
    const own = batchNorm.describe({ ...props, replacesBias: 'default' });
    return [...(own === '' ? [] : [own]), `mean ±${props.meanRange}, scale up to ${props.largestScale}`].join(', ');
  },
  shape: (_props, [input]) => input!.shape,
  parameters: (props, inputs) => batchNorm.parameters({ ...props, replacesBias: 'default' }, inputs),
  buffers: (props, inputs) => batchNorm.buffers({ ...props, replacesBias: 'default' }, inputs),
  lower(props, context) {
    const own = { ...props, replacesBias: 'default' } as const;
    if (context.mode === 'evaluate') {
      batchNorm.lower(own, context);
      return;
    }
    const shape = context.shape(context.output);
    const x = context.tensor('normalised', shape, 'f32');
    batchNorm.lower(own, { ...context, output: x });
    const factors = {
      scale: context.tensor('scale', shape.slice(0, 2), 'f32'),
      shift: context.tensor('shift', shape.slice(0, 2), 'f32'),
    };
    const { meanRange, largestScale, meanSpread, scaleSpread } = props;
    context.emit({
      op: 'noise',
      attrs: { stream: streamOf(context.node), meanRange, largestScale, meanSpread, scaleSpread },
      inputs: { random: context.random },
      outputs: factors,
    });
    context.emit({ op: 'scaleShift', attrs: {}, inputs: { x, ...factors }, outputs: { y: context.output } });
  },
});
