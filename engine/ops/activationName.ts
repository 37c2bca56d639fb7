/** Activation functions that the engine computes. A new one: a name here, a line below, a formula per backend, cases. */
export const activationNames = [
  'sigmoid',
  'tanh',
  'relu',
  'leakyRelu',
  'elu',
  'selu',
  'gelu',
  'silu',
  'softplus',
  'hardSwish',
  'mish',
] as const;
export type ActivationName = (typeof activationNames)[number];

/** SELU's constants (Klambauer et al., Self-normalizing neural networks, 2017): with them mean 0 and variance 1 are a fixed point. */
export const seluAlpha = 1.6732632423543772;
export const seluScale = 1.0507009873554805;

/** Which forward value the derivative is computed from. One of them is enough, so the other's memory can be reused. */
export const activationGradNeeds: Record<ActivationName, 'x' | 'y'> = {
  sigmoid: 'y',
  tanh: 'y',
  relu: 'y',
  // x, not y: with a negative slope the sign of y does not tell the sign of x.
  leakyRelu: 'x',
  elu: 'y',
  selu: 'y',
  // x: these are not monotonic (softplus is, but its derivative from y would lose the small values).
  gelu: 'x',
  silu: 'x',
  softplus: 'x',
  hardSwish: 'x',
  mish: 'x',
};
