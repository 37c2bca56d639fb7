import { defineActivation } from './activation.ts';

/** max(x, 0), with derivative 0 at 0. */
export const relu = defineActivation(
  {
    name: 'relu',
    title: 'ReLU',
    summary: 'Cuts off negative values.',
    help: 'Passes positive values and gives 0 for negative ones. It never saturates above 0, but a unit that is negative for every image is dead and learns nothing.',
    reference: {
      text: 'Nair & Hinton, Rectified linear units improve restricted Boltzmann machines, 2010',
      url: 'https://www.cs.toronto.edu/~fritz/absps/reluICML.pdf',
    },
    props: {},
  },
  () => ({ fn: 'relu' }),
);
