import { defineActivation } from './activation.ts';

/** x * Phi(x) with the normal distribution function Phi, or its approximation with tanh. */
export const gelu = defineActivation(
  {
    name: 'gelu',
    title: 'GELU',
    summary: 'A smooth ReLU.',
    help: 'Weights each value by the probability that a normal variable is smaller: close to ReLU far from 0 and smooth in between.',
    reference: {
      text: 'Hendrycks & Gimpel, Gaussian error linear units, 2016',
      url: 'https://arxiv.org/abs/1606.08415',
    },
    props: {
      approximate: {
        kind: 'choice',
        label: 'Formula',
        help: 'The exact function, or the approximation by tanh that some published models were trained with.',
        options: [
          { value: 'none', label: 'Exact (erf)' },
          { value: 'tanh', label: 'Approximation by tanh' },
        ],
        default: 'none',
      },
    },
    describe: (props) => (props.approximate === 'tanh' ? 'tanh approximation' : ''),
  },
  (props) => ({ fn: 'gelu', approximate: props.approximate }),
);
