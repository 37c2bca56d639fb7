import type { Func, Local } from '../../asm/func.ts';
import { clamp, emitExp, expLimit, horner } from '../math.ts';
import { after, setSigmoid, type ActivationCode, type Temps } from './code.ts';

/**
 * erfc(z) = t exp(p(t) - z^2), t = 1 / (1 + z/2), for 0 <= z <= 10. p is the Chebyshev expansion of degree 9 of
 * ln(erfc(z) exp(z^2) / t) in t, fitted in 40-digit arithmetic; its error is 5e-8.
 */
const erfcPolynomial = [
  0.1449302136363067, -0.6808271773386168, 1.156733756118696, -0.6962518976150162, -0.08028043321834884,
  0.00126758690308614, 0.03460279982743109, 0.3866404121849537, 0.9986327833342744, -1.2654479969014825,
];

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
/** Beyond it GELU is 0 or x in float32; x is held within, so that x^3 does not overflow and 0 never meets an infinity. */
const geluReach = 20;

/** temps[0] = (1 + tanh(u)) / 2 = sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3). */
function setGeluTanh(f: Func, x: Local, temps: Temps): void {
  const spare = temps[2]!;
  f.set(spare, clamp(f, x, -geluReach, geluReach));
  const cubic = f.madd(f.v.mul(spare, spare), f.vec(2 * geluScale * geluCubic), f.vec(2 * geluScale));
  setSigmoid(f, f.v.mul(spare, cubic), temps);
}

export const gelu: ActivationCode = {
  cost: 14,
  value: (f, input, temps, { approximate = 'none' }) => {
    const x = temps[5]!;
    if (approximate === 'tanh') {
      return after(
        () => {
          f.set(x, input);
          setGeluTanh(f, x, temps);
        },
        f.v.mul(f.v.pmax(x, f.vec(-geluReach)), temps[0]!),
      );
    }
    return after(
      () => {
        f.set(x, input);
        setNormal(f, x, temps);
      },
      f.v.mul(f.v.pmax(x, f.vec(-geluReach)), temps[0]!),
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
};
