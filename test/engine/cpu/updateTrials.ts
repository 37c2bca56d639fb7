import { noise, positive, t, type Trial, type TrialTensor } from './trial.ts';

const small = (...shape: number[]): TrialTensor => ({ shape, values: (i) => 0.3 * noise(8)(i) });

const shapes = [[5, 3], [5], [130, 70], [1], [6, 2, 3, 3]];
const list = shapes.map((shape) => t(...shape));
const squares = shapes.map((shape) => positive(...shape));
const hyper: TrialTensor = { shape: [4], values: (i) => [0.05, 0.7, 1.3, 1.1][i]! };
const sgd = (name: string, attrs: object, velocities: readonly TrialTensor[]): Trial => ({
  name: `sgdUpdate ${name}`,
  op: 'sgdUpdate',
  attrs,
  inputs: { hyper, parameters: list, gradients: list, velocities },
  outputs: {},
});
const adam = (decoupled: boolean): Trial => ({
  name: `adamUpdate ${decoupled}`,
  op: 'adamUpdate',
  attrs: { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.02, decoupled },
  inputs: { hyper, parameters: list, gradients: list, firstMoments: list, secondMoments: squares },
  outputs: {},
});

/** Optimisers, clipping and penalties, over parameters of every layout. */
export const updateTrials: readonly Trial[] = [
  sgd('plain', { momentum: 0, weightDecay: 0, nesterov: false }, []),
  sgd('momentum', { momentum: 0.9, weightDecay: 0.01, nesterov: false }, list),
  sgd('nesterov', { momentum: 0.9, weightDecay: 0.01, nesterov: true }, list),
  adam(false),
  adam(true),
  ...[0, 1, 2, 3].map((i): Trial => {
    const momentum = i % 2 === 0 ? 0 : 0.8;
    const centered = i >= 2;
    // a variance that is not near 0, where rounding decides
    const [averages, velocities] = [centered ? shapes.map((shape) => small(...shape)) : [], momentum > 0 ? list : []];
    return {
      name: `rmspropUpdate ${momentum} ${centered}`,
      op: 'rmspropUpdate',
      attrs: { alpha: 0.9, eps: 1e-8, weightDecay: 0.02, momentum, centered },
      inputs: { hyper, parameters: list, gradients: list, squares, averages, velocities },
      outputs: {},
    };
  }),
  {
    name: 'adagradUpdate',
    op: 'adagradUpdate',
    attrs: { eps: 1e-10, weightDecay: 0.02 },
    inputs: { hyper, parameters: list, gradients: list, squareSums: squares },
    outputs: {},
  },
  {
    name: 'adamaxUpdate',
    op: 'adamaxUpdate',
    attrs: { beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.02 },
    inputs: { hyper, parameters: list, gradients: list, firstMoments: list, infinityNorms: squares },
    outputs: {},
  },
  {
    name: 'nadamUpdate',
    op: 'nadamUpdate',
    attrs: { beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.02 },
    inputs: { hyper, parameters: list, gradients: list, firstMoments: list, secondMoments: squares },
    outputs: {},
  },
  ...[0.5, 1e6].flatMap((maximum): Trial[] => [
    {
      name: `clipGradientNorm ${maximum}`,
      op: 'clipGradientNorm',
      attrs: { maximum },
      inputs: { gradients: list },
      outputs: { norm: t(1) },
    },
    {
      name: `clipGradientValue ${maximum}`,
      op: 'clipGradientValue',
      attrs: { maximum },
      inputs: { gradients: list },
      outputs: {},
    },
  ]),
  {
    name: 'l1Penalty',
    op: 'l1Penalty',
    attrs: { strength: 0.3 },
    inputs: {
      parameters: shapes.map((shape): TrialTensor => ({ shape, values: (i) => (i % 3) - 1 })),
      gradients: list,
    },
    outputs: {},
  },
  {
    name: 'accumulate',
    op: 'accumulate',
    attrs: {},
    inputs: { sums: list, values: shapes.map((shape) => small(...shape)) },
    outputs: {},
  },
  {
    name: 'takeAccumulated',
    op: 'takeAccumulated',
    attrs: { scale: 0.25 },
    inputs: { sums: list, values: shapes.map((shape) => small(...shape)) },
    outputs: {},
  },
];
