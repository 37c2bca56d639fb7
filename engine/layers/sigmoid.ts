import { defineActivation } from './activation.ts';

/** 1 / (1 + exp(-x)). */
export const sigmoid = defineActivation(
  {
    name: 'sigmoid',
    title: 'Sigmoid',
    summary: 'Squeezes values into 0 to 1.',
    help: 'An S-curve from 0 to 1. Far from 0 it is almost flat: the unit is saturated and learns slowly.',
    props: {},
  },
  () => ({ fn: 'sigmoid' }),
);
