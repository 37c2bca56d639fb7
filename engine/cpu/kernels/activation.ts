import type { Expr, Func, Local } from '../asm/func.ts';
import type { ActivationName } from '../../ops/activationName.ts';
import { activationGradNeeds } from '../../ops/activationName.ts';
import type { ActivationAttrs } from '../../ops/op.ts';
import { EngineError } from '../../errors.ts';
import { elementwise } from './elementwise.ts';
import type { CpuKernel } from './kernel.ts';
import { clamp, emitExp, expLimit, flush } from './math.ts';

type Temps = readonly Local[];

interface ActivationCode {
  /** Nanoseconds per vector. */
  readonly cost: number;
  value(f: Func, x: Expr, temps: Temps, attrs: ActivationAttrs): Expr;
  /** dx from y or x (see activationGradNeeds) and dy, without the flush of negligible values. */
  gradient(f: Func, of: Expr, dy: Expr, temps: Temps, attrs: ActivationAttrs): Expr;
}

/** An expression that runs statements first. */
function after(statements: () => void, value: Expr): Expr {
  return () => {
    statements();
    value();
  };
}

/** temps[0] = 1 / (1 + exp(-x)): within 1.6e-38..1, so never denormal. temps[1] is overwritten. */
function setSigmoid(f: Func, x: Expr, temps: Temps): void {
  const [s, spare] = temps as [Local, Local];
  emitExp(f, s, clamp(f, f.v.neg(x), -expLimit, expLimit), spare);
  f.set(s, f.v.div(f.vec(1), f.v.add(f.vec(1), s)));
}

/** tanh for |x| < 0.625 as x + x^3 p(x^2): Cephes' minimax polynomial for tanhf. */
const tanhPolynomial = [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1];

/**
 * erfc(z) = t exp(p(t) - z^2), t = 1 / (1 + z/2), for 0 <= z <= 10. p is the Chebyshev expansion of degree 9 of
 * ln(erfc(z) exp(z^2) / t) in t, fitted in 40-digit arithmetic; its error is 5e-8.
 */
const erfcPolynomial = [
  0.1449302136363067, -0.6808271773386168, 1.156733756118696, -0.6962518976150162, -0.08028043321834884,
  0.00126758690308614, 0.03460279982743109, 0.3866404121849537, 0.9986327833342744, -1.2654479969014825,
];

function horner(f: Func, coefficients: readonly number[], x: Expr): Expr {
  const [first, ...rest] = coefficients.map((c) => f.vec(c));
  return rest.reduce((sum, c) => f.madd(sum, x, c), first!);
}

/**
 * From x: temps[0] = Phi(x), the normal distribution function, and temps[3] = exp(-x^2 / 2), with good relative accuracy
 * in the lower tail (down to 1e-38, then 0). temps[1], [2], [4] are overwritten.
 */
function setNormal(f: Func, x: Local, temps: Temps): void {
  const [phi, t, spare, density, square] = temps as [Local, Local, Local, Local, Local];
  f.set(t, f.v.mul(f.v.abs(x), f.vec(Math.SQRT1_2)));
  f.set(square, f.v.mul(t, t));
  emitExp(f, density, f.v.pmax(f.v.neg(square), f.vec(-expLimit)), spare);
  f.set(density, f.v.andnot(density, f.v.gt(square, f.vec(expLimit))));
  f.set(t, f.v.div(f.vec(1), f.madd(t, f.vec(0.5), f.vec(1))));
  emitExp(f, phi, horner(f, erfcPolynomial, t), spare);
  f.set(phi, f.v.mul(f.v.mul(f.v.mul(phi, t), density), f.vec(0.5)));
  f.set(phi, f.v.select(f.v.sub(f.vec(1), phi), phi, f.v.gt(x, f.vec(0))));
}

const geluCubic = 0.044715;
const geluScale = Math.sqrt(2 / Math.PI);
/** Beyond it tanh is 1 in float32, and the derivative's x^3 is kept from overflowing. */
const geluReach = 20;

const code: Record<ActivationName, ActivationCode> = {
  sigmoid: {
    cost: 6,
    value: (f, x, temps) => after(() => setSigmoid(f, x, temps), temps[0]!),
    gradient: (f, y, dy, [t]) => after(() => f.set(t!, y), f.v.mul(dy, f.v.mul(t!, f.v.sub(f.vec(1), t!)))),
  },
  tanh: {
    cost: 8,
    value: (f, input, temps) => {
      const [e, spare, x, magnitude, square] = temps as [Local, Local, Local, Local, Local];
      return after(
        () => {
          f.set(x, input);
          f.set(magnitude, f.v.abs(x));
          emitExp(f, e, f.v.pmin(f.v.add(magnitude, magnitude), f.vec(expLimit)), spare);
          f.set(e, f.v.sub(f.vec(1), f.v.div(f.vec(2), f.v.add(e, f.vec(1)))));
          f.set(e, f.v.or(e, f.v.and(x, f.ivec(-0x80000000))));
          f.set(square, f.v.mul(x, x));
          f.set(spare, f.madd(f.v.mul(horner(f, tanhPolynomial, square), square), x, x));
        },
        f.v.select(spare, e, f.v.lt(magnitude, f.vec(0.625))),
      );
    },
    gradient: (f, y, dy, [t]) => after(() => f.set(t!, y), f.v.mul(dy, f.nmadd(t!, t!, f.vec(1)))),
  },
  relu: {
    cost: 0.5,
    value: (f, x) => f.v.pmax(x, f.vec(0)),
    gradient: (f, y, dy) => f.v.andnot(dy, f.v.le(y, f.vec(0))),
  },
  leakyRelu: {
    cost: 1,
    value: (f, x, [t], { slope = 0.01 }) =>
      after(() => f.set(t!, x), f.v.select(t!, f.v.mul(t!, f.vec(slope)), f.v.gt(t!, f.vec(0)))),
    gradient: (f, x, dy, [t], { slope = 0.01 }) =>
      after(() => f.set(t!, dy), f.v.select(t!, f.v.mul(t!, f.vec(slope)), f.v.gt(x, f.vec(0)))),
  },
  gelu: {
    cost: 14,
    value: (f, input, temps, { approximate = 'none' }) => {
      const x = temps[5]!;
      if (approximate === 'tanh') {
        return after(
          () => {
            f.set(x, input);
            setGeluTanh(f, x, temps);
          },
          f.v.mul(x, temps[0]!),
        );
      }
      return after(
        () => {
          f.set(x, input);
          setNormal(f, x, temps);
        },
        f.v.mul(x, temps[0]!),
      );
    },
    gradient: (f, input, dy, temps, { approximate = 'none' }) => {
      const [s, t, , density] = temps as [Local, Local, Local, Local];
      const x = temps[5]!;
      if (approximate === 'tanh') {
        return after(
          () => {
            f.set(x, input);
            setGeluTanh(f, x, temps);
            f.set(x, clamp(f, x, -geluReach, geluReach));
            f.set(t, f.madd(f.v.mul(x, x), f.vec(6 * geluScale * geluCubic), f.vec(2 * geluScale)));
            f.set(t, f.v.mul(f.v.mul(x, t), f.v.sub(f.vec(1), s)));
          },
          f.v.mul(dy, f.madd(t, s, s)),
        );
      }
      return after(
        () => {
          f.set(x, input);
          setNormal(f, x, temps);
          f.set(t, f.v.mul(clamp(f, x, -geluReach, geluReach), f.vec(1 / Math.sqrt(2 * Math.PI))));
        },
        f.v.mul(dy, f.madd(t, density, s)),
      );
    },
  },
};

/** temps[0] = (1 + tanh(u)) / 2 = sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3). */
function setGeluTanh(f: Func, x: Local, temps: Temps): void {
  const spare = temps[2]!;
  f.set(spare, clamp(f, x, -geluReach, geluReach));
  const cubic = f.madd(f.v.mul(spare, spare), f.vec(2 * geluScale * geluCubic), f.vec(2 * geluScale));
  setSigmoid(f, f.v.mul(spare, cubic), temps);
}

function keyOf(name: string, { fn, slope, approximate }: ActivationAttrs): string {
  return `${name} ${fn} ${slope ?? ''} ${approximate ?? ''}`;
}

export const activation: CpuKernel<'activation'> = ({ attrs, inputs, outputs }, context) => {
  elementwise(context, {
    key: keyOf('activation', attrs),
    inputs: [context.tensor(inputs.x)],
    output: context.tensor(outputs.y),
    vectorCost: code[attrs.fn].cost,
    body: (f, [x], temps) => code[attrs.fn].value(f, x!, temps, attrs),
  });
};

export const activationGrad: CpuKernel<'activationGrad'> = ({ attrs, inputs, outputs }, context) => {
  const needed = activationGradNeeds[attrs.fn];
  const of = context.optional(inputs[needed]);
  if (!of)
    throw new EngineError('plan', `activationGrad of ${attrs.fn} needs ${needed}, which the plan does not give.`);
  const keepsSize = attrs.fn === 'relu' || attrs.fn === 'leakyRelu';
  elementwise(context, {
    key: keyOf('activationGrad', attrs),
    inputs: [of, context.tensor(inputs.dy)],
    output: context.tensor(outputs.dx),
    vectorCost: code[attrs.fn].cost,
    body: (f, [value, dy], temps) => {
      const gradient = code[attrs.fn].gradient(f, value!, dy!, temps, attrs);
      if (keepsSize) return gradient;
      const result = temps[1]!;
      return after(() => f.set(result, gradient), flush(f, result));
    },
  });
};
