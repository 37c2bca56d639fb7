import { defineActivation } from './activation.ts';

/** x * tanh(ln(1 + exp(x))). */
export const mish = defineActivation(
  {
    name: 'mish',
    title: 'Mish',
    summary: 'A smooth ReLU, a little rounder than SiLU.',
    help: 'Multiplies each value by the tanh of its softplus. Much like SiLU, with a slightly deeper dip below 0.',
    reference: {
      text: 'Misra, Mish: a self regularized non-monotonic activation function, 2019',
      url: 'https://arxiv.org/abs/1908.08681',
    },
    props: {},
  },
  () => ({ fn: 'mish' }),
);
