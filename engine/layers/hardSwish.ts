import { defineActivation } from './activation.ts';

/** x * min(max(x + 3, 0), 6) / 6; the derivative at -3 is 0, at 3 it is 1. */
export const hardSwish = defineActivation(
  {
    name: 'hardSwish',
    title: 'Hard swish',
    summary: 'SiLU from straight pieces, cheap to compute.',
    help: 'Follows SiLU with a piecewise linear gate in place of the sigmoid: 0 below -3, the value itself above 3. Made for networks on phones.',
    reference: {
      text: 'Howard et al., Searching for MobileNetV3, 2019',
      url: 'https://arxiv.org/abs/1905.02244',
    },
    props: {},
  },
  () => ({ fn: 'hardSwish' }),
);
