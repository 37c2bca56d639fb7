import { defineActivation } from './activation.ts';

/** 1.0507 * ELU with alpha 1.6733; the derivative at 0 is 1.7581. */
export const selu = defineActivation(
  {
    name: 'selu',
    title: 'SELU',
    summary: 'An ELU that holds mean 0 and variance 1 by itself.',
    help: 'An ELU with two constants chosen so that, with LeCun weights and without batch normalisation, the values of deep dense networks drift towards mean 0 and variance 1 by themselves.',
    reference: {
      text: 'Klambauer, Unterthiner, Mayr & Hochreiter, Self-normalizing neural networks, 2017',
      url: 'https://arxiv.org/abs/1706.02515',
    },
    props: {},
  },
  () => ({ fn: 'selu' }),
);
