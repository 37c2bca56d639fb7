import { streamOf } from '../random.ts';
import { defineLayer } from './layer.ts';

/** Inverted dropout: what is kept is scaled by 1 / (1 - p) in training; evaluation leaves it out. */
export const dropout = defineLayer({
  name: 'dropout',
  title: 'Dropout',
  category: 'regularisation',
  summary: 'Sets a random part of the values to zero while training.',
  help: 'In training, each value is dropped with probability p and the others are scaled up, so that no unit can rely on any other. In evaluation it does nothing.',
  reference: {
    text: 'Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, Dropout: a simple way to prevent neural networks from overfitting, 2014',
    url: 'https://jmlr.org/papers/v15/srivastava14a.html',
  },
  props: {
    p: {
      kind: 'number',
      label: 'Drop rate',
      help: 'Probability that a value is dropped.',
      default: 0.5,
      min: 0,
      max: 1,
    },
    channel: {
      kind: 'boolean',
      label: 'Whole channels',
      help: 'Drops whole channels of an image instead of single values (spatial dropout).',
      default: false,
    },
  },
  describe: (props) => `p ${props.p}${props.channel ? ', whole channels' : ''}`,
  shape: (_props, [input]) => input!.shape,
  isIdentity: (props, mode) => mode === 'evaluate' || props.p === 0,
  lower(props, context) {
    const x = context.inputs[0]!;
    const shape = context.shape(x);
    const mask = context.tensor('mask', props.channel ? shape.slice(0, 2) : shape, 'u8');
    context.emit({
      op: 'dropoutMask',
      attrs: { p: props.p, stream: streamOf(context.node) },
      inputs: { random: context.random },
      outputs: { mask },
    });
    context.emit({
      op: 'dropout',
      attrs: { scale: props.p === 1 ? 0 : 1 / (1 - props.p) },
      inputs: { x, mask },
      outputs: { y: context.output },
    });
  },
});
