import { defineActivation } from './activation.ts';

/** (exp(x) - exp(-x)) / (exp(x) + exp(-x)). */
export const tanh = defineActivation(
  {
    name: 'tanh',
    title: 'Tanh',
    summary: 'Squeezes values into -1 to 1.',
    help: 'An S-curve from -1 to 1, centred on 0, which suits learning better than sigmoid. It saturates in the same way.',
    props: {},
  },
  () => ({ fn: 'tanh' }),
);
