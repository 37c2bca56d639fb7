import { defineActivation } from './activation.ts';

/** ln(1 + exp(x)); its derivative is the sigmoid. */
export const softplus = defineActivation(
  {
    name: 'softplus',
    title: 'Softplus',
    summary: 'A smooth ReLU that is always positive.',
    help: 'The smooth curve that ReLU is the corner of. Always above 0, so it suits outputs that must be positive; between layers its mean above 0 slows learning.',
    reference: {
      text: 'Dugas, Bengio, Belisle, Nadeau & Garcia, Incorporating second-order functional knowledge for better option pricing, 2000',
      url: 'https://proceedings.neurips.cc/paper/2000/hash/44968aece94f667e4095002d140b5896-Abstract.html',
    },
    props: {},
  },
  () => ({ fn: 'softplus' }),
);
