import { seluAlpha, seluScale, type ActivationName } from './activationName.ts';
import { normalCdf, normalPdf } from './erf.ts';
import type { ActivationAttrs } from './op.ts';

/** An activation and its derivative, number by number. */
export interface ActivationFormula {
  value(x: number, attrs: ActivationAttrs): number;
  /** The derivative from x or y, as `activationGradNeeds` says. */
  derivative(xOrY: number, attrs: ActivationAttrs): number;
}

/** Of leaky ReLU where none is given. */
const defaultSlope = 0.01;
/** Of ELU. */
const defaultAlpha = 1;

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
/** ln(1 + exp(x)), without overflow. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
/** x * factor, but 0 where x is minus infinity and the factor has become 0. */
const weighted = (x: number, factor: number): number => (factor === 0 ? 0 : x * factor);

// GELU's tanh form (Hendrycks and Gimpel, 2016): x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
const tanhScale = Math.sqrt(2 / Math.PI);
const tanhCubic = 0.044715;
const tanhInner = (x: number): number => tanhScale * (x + tanhCubic * x ** 3);

/** Comparisons are turned so that NaN passes through. */
export const activationFormulas: Readonly<Record<ActivationName, ActivationFormula>> = {
  sigmoid: {
    value: sigmoid,
    derivative: (y) => y * (1 - y),
  },
  tanh: {
    value: Math.tanh,
    derivative: (y) => 1 - y * y,
  },
  relu: {
    value: (x) => (x <= 0 ? 0 : x),
    derivative: (y) => (y <= 0 ? 0 : 1),
  },
  leakyRelu: {
    value: (x, { slope = defaultSlope }) => (x <= 0 ? slope * x : x),
    derivative: (x, { slope = defaultSlope }) => (x <= 0 ? slope : 1),
  },
  elu: {
    value: (x, { alpha = defaultAlpha }) => (x > 0 ? x : alpha * Math.expm1(x)),
    derivative: (y, { alpha = defaultAlpha }) => (y > 0 ? 1 : y + alpha),
  },
  selu: {
    value: (x) => seluScale * (x > 0 ? x : seluAlpha * Math.expm1(x)),
    derivative: (y) => (y > 0 ? seluScale : y + seluScale * seluAlpha),
  },
  gelu: {
    value: (x, { approximate }) =>
      approximate === 'tanh' ? 0.5 * x * (1 + Math.tanh(tanhInner(x))) : x * normalCdf(x),
    derivative: (x, { approximate }) => {
      if (approximate !== 'tanh') return normalCdf(x) + x * normalPdf(x);
      const t = Math.tanh(tanhInner(x));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * tanhScale * (1 + 3 * tanhCubic * x * x);
    },
  },
  silu: {
    value: (x) => weighted(x, sigmoid(x)),
    derivative: (x) => sigmoid(x) + weighted(x, sigmoid(x) * sigmoid(-x)),
  },
  softplus: {
    value: softplus,
    derivative: sigmoid,
  },
  hardSwish: {
    value: (x) => (x <= -3 ? 0 : x >= 3 ? x : (x * (x + 3)) / 6),
    derivative: (x) => (x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6),
  },
  mish: {
    value: (x) => weighted(x, Math.tanh(softplus(x))),
    derivative: (x) => {
      const t = Math.tanh(softplus(x));
      return t + weighted(x, (1 - t * t) * sigmoid(x));
    },
  },
};
