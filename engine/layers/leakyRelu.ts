import { defineActivation } from './activation.ts';

/** x for x > 0, else slope * x; the derivative at 0 is the slope. */
export const leakyRelu = defineActivation(
  {
    name: 'leakyRelu',
    title: 'Leaky ReLU',
    summary: 'ReLU that lets a little of the negative side through.',
    help: 'Like ReLU, but negative values are scaled by a small slope instead of cut off, so no unit is ever dead.',
    reference: {
      text: 'Maas, Hannun & Ng, Rectifier nonlinearities improve neural network acoustic models, 2013',
      url: 'https://ai.stanford.edu/~amaas/papers/relu_hybrid_icml2013_final.pdf',
    },
    props: {
      slope: {
        kind: 'number',
        label: 'Slope',
        help: 'Factor for values below 0.',
        default: 0.01,
        min: -10,
        max: 10,
      },
    },
    describe: (props) => `slope ${props.slope}`,
  },
  (props) => ({ fn: 'leakyRelu', slope: props.slope }),
);
