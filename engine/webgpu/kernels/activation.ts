import { activationGradNeeds, seluAlpha, seluScale, type ActivationName } from '../../ops/activationName.ts';
import type { ActivationAttrs } from '../../ops/op.ts';
import { f32, isNan } from '../wgsl.ts';
import { alone, type ElementwiseOf } from './elementwise.ts';
import { exponentials, normalDistribution } from './math.ts';

interface Formula {
  /** Expressions of x and, for the derivative, of x or y, as `activationGradNeeds` says. */
  value(attrs: ActivationAttrs): string;
  derivative(attrs: ActivationAttrs): string;
  readonly functions?: string;
}

const defaultSlope = 0.01;
const defaultAlpha = 1;

/** x > 0, or not a number. By the bits: a device may take numbers below 1e-38 for 0, and these have a sign too. */
const aboveZero = `${isNan}
fn above_zero(x: f32) -> bool { return bitcast<i32>(x) > 0 || is_nan(x); }`;

/** tanh(softplus(x)) without a logarithm: with n = e^x (e^x + 2) it is n / (n + 2); 1 where e^x would overflow. */
const mishFunctions = `${exponentials}
fn tanh_softplus(x: f32) -> f32 {
  if (x > 20.0) { return 1.0; }
  let e = exp(x);
  let n = e * (e + 2.0);
  return n / (n + 2.0);
}
/** x * factor, but 0 where x is minus infinity and the factor has become 0. */
fn weighted(x: f32, factor: f32) -> f32 { return select(x * factor, 0.0, factor == 0.0); }`;

const geluTanh = `${exponentials}
fn inner(x: f32) -> f32 { return ${f32(Math.sqrt(2 / Math.PI))} * (x + 0.044715f * x * x * x); }`;

/** Comparisons are turned so that NaN passes through. */
const formulas: Record<ActivationName, Formula> = {
  sigmoid: { value: () => 'sigmoid(x)', derivative: () => 'y * (1.0 - y)', functions: exponentials },
  tanh: { value: () => 'tanh_exact(x)', derivative: () => '1.0 - y * y', functions: exponentials },
  relu: {
    value: () => 'select(0.0, x, above_zero(x))',
    derivative: () => 'select(0.0, 1.0, above_zero(y))',
    functions: aboveZero,
  },
  leakyRelu: {
    value: ({ slope = defaultSlope }) => `select(${f32(slope)} * x, x, above_zero(x))`,
    derivative: ({ slope = defaultSlope }) => `select(${f32(slope)}, 1.0, above_zero(x))`,
    functions: aboveZero,
  },
  elu: {
    value: ({ alpha = defaultAlpha }) => `select(${f32(alpha)} * expm1(x), x, above_zero(x))`,
    derivative: ({ alpha = defaultAlpha }) => `select(y + ${f32(alpha)}, 1.0, above_zero(y))`,
    functions: exponentials + aboveZero,
  },
  selu: {
    value: () => 'selu(x)',
    derivative: () => `select(y + ${f32(seluScale * seluAlpha)}, ${f32(seluScale)}, above_zero(y))`,
    functions: `${exponentials}${aboveZero}
fn selu(x: f32) -> f32 {
  if (!above_zero(x)) { return ${f32(seluScale * seluAlpha)} * expm1(x); }
  // what is too small for a product stays as it is: the derivative goes by its sign
  let y = ${f32(seluScale)} * x;
  return select(y, x, y == 0.0);
}`,
  },
  gelu: {
    value: ({ approximate }) =>
      approximate === 'tanh' ? '0.5 * x * (1.0 + tanh_exact(inner(x)))' : 'x * normal_cdf(x)',
    derivative: ({ approximate }) => (approximate === 'tanh' ? 'gelu_slope(x)' : 'normal_cdf(x) + x * normal_pdf(x)'),
    functions: `${geluTanh}${normalDistribution}
fn gelu_slope(x: f32) -> f32 {
  let t = tanh_exact(inner(x));
  let slope = ${f32(Math.sqrt(2 / Math.PI))} * (1.0 + ${f32(3 * 0.044715)} * x * x);
  // far out 1 - t * t is 0 and the slope may be infinite
  return 0.5 * (1.0 + t) + select(0.5 * x * (1.0 - t * t) * slope, 0.0, abs(t) == 1.0);
}`,
  },
  silu: {
    value: () => 'weighted(x, sigmoid(x))',
    derivative: () => 'sigmoid(x) + weighted(x, sigmoid(x) * sigmoid(-x))',
    functions: mishFunctions,
  },
  softplus: { value: () => 'softplus(x)', derivative: () => 'sigmoid(x)', functions: exponentials },
  hardSwish: {
    value: () => 'select(select(x * (x + 3.0) / 6.0, x, x >= 3.0), 0.0, x <= -3.0)',
    derivative: () => 'select(select((2.0 * x + 3.0) / 6.0, 1.0, x >= 3.0), 0.0, x <= -3.0)',
  },
  mish: {
    value: () => 'weighted(x, tanh_softplus(x))',
    derivative: () => 'mish_slope(x)',
    functions: `${mishFunctions}
fn mish_slope(x: f32) -> f32 {
  let t = tanh_softplus(x);
  return t + weighted(x, (1.0 - t * t) * sigmoid(x));
}`,
  },
};

export const activationValue: ElementwiseOf<'activation'> = ({ attrs, inputs, outputs }) => {
  const { value, functions = '' } = formulas[attrs.fn];
  return {
    label: `activation ${attrs.fn}`,
    at: { x: inputs.x },
    result: outputs.y,
    functions,
    value: () => value(attrs),
  };
};
export const activation = alone(activationValue);

export const activationGradValue: ElementwiseOf<'activationGrad'> = ({ attrs, inputs, outputs }) => {
  const { derivative, functions = '' } = formulas[attrs.fn];
  const needed = activationGradNeeds[attrs.fn];
  return {
    label: `activationGrad ${attrs.fn}`,
    at: { [needed]: inputs[needed]!, dy: inputs.dy },
    result: outputs.dx,
    functions,
    value: () => `dy * (${derivative(attrs)})`,
  };
};
export const activationGrad = alone(activationGradValue);
