import type { Expr, Func, Local } from '../../asm/func.ts';
import { seluAlpha, seluScale } from '../../../ops/activationName.ts';
import { clamp, emitExpm1, expLimit } from '../math.ts';
import { after, type ActivationCode, type Temps } from './code.ts';

/** scale * (x > 0 ? x : alpha (exp(x) - 1)) */
function value(f: Func, input: Expr, [e, spare, x]: Temps, scale: number, alpha: number): Expr {
  return after(
    () => {
      f.set(x!, input);
      emitExpm1(f, e!, clamp(f, x!, -expLimit, 0), spare!);
    },
    f.v.select(scale === 1 ? x! : f.v.mul(x!, f.vec(scale)), f.v.mul(e!, f.vec(scale * alpha)), f.v.gt(x!, f.vec(0))),
  );
}

/** dy * (y > 0 ? scale : y + scale * alpha) */
function gradient(f: Func, y: Expr, dy: Expr, t: Local, scale: number, alpha: number): Expr {
  const slope = f.v.select(f.vec(scale), f.v.add(t, f.vec(scale * alpha)), f.v.gt(t, f.vec(0)));
  return after(() => f.set(t, y), f.v.mul(dy, slope));
}

export const elu: ActivationCode = {
  cost: 6,
  value: (f, x, temps, { alpha = 1 }) => value(f, x, temps, 1, alpha),
  gradient: (f, y, dy, [t], { alpha = 1 }) => gradient(f, y, dy, t!, 1, alpha),
};

export const selu: ActivationCode = {
  cost: 6,
  value: (f, x, temps) => value(f, x, temps, seluScale, seluAlpha),
  gradient: (f, y, dy, [t]) => gradient(f, y, dy, t!, seluScale, seluAlpha),
};
