/** Activation functions that the engine computes. A new one: a name here, a line below, a formula per backend, cases. */
export const activationNames = ['sigmoid', 'tanh', 'relu', 'leakyRelu', 'gelu'] as const;
export type ActivationName = (typeof activationNames)[number];

/** Which forward value the derivative is computed from. One of them is enough, so the other's memory can be reused. */
export const activationGradNeeds: Record<ActivationName, 'x' | 'y'> = {
  sigmoid: 'y',
  tanh: 'y',
  relu: 'y',
  // x, not y: with a negative slope the sign of y does not tell the sign of x.
  leakyRelu: 'x',
  gelu: 'x',
};
