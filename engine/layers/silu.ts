import { defineActivation } from './activation.ts';

/** x / (1 + exp(-x)). */
export const silu = defineActivation(
  {
    name: 'silu',
    title: 'SiLU (Swish)',
    summary: 'A smooth ReLU: x times its sigmoid.',
    help: 'Multiplies each value by its own sigmoid. Close to ReLU far from 0, smooth in between, and slightly negative for small negative values.',
    reference: {
      text: 'Ramachandran, Zoph & Le, Searching for activation functions, 2017',
      url: 'https://arxiv.org/abs/1710.05941',
    },
    props: {},
  },
  () => ({ fn: 'silu' }),
);
