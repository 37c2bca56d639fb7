import { defineActivation } from './activation.ts';

/** x for x > 0, else alpha * (exp(x) - 1); the derivative at 0 is alpha. */
export const elu = defineActivation(
  {
    name: 'elu',
    title: 'ELU',
    summary: 'ReLU with a smooth floor below 0.',
    help: 'Passes positive values and lets negative ones sink smoothly to -alpha, so the mean of its outputs stays near 0 and no unit dies.',
    reference: {
      text: 'Clevert, Unterthiner & Hochreiter, Fast and accurate deep network learning by exponential linear units, 2015',
      url: 'https://arxiv.org/abs/1511.07289',
    },
    props: {
      alpha: {
        kind: 'number',
        label: 'Alpha',
        help: 'The floor: negative values sink to minus this.',
        default: 1,
        min: 0,
        max: 100,
      },
    },
    describe: (props) => (props.alpha === 1 ? '' : `alpha ${props.alpha}`),
  },
  (props) => ({ fn: 'elu', alpha: props.alpha }),
);
