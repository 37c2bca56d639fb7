import type { Expr, Func, Local } from '../../asm/func.ts';
import type { ActivationAttrs } from '../../../ops/op.ts';
import { clamp, emitExp, expLimit } from '../math.ts';

export type Temps = readonly Local[];

export interface ActivationCode {
  /** Nanoseconds per vector. */
  readonly cost: number;
  value(f: Func, x: Expr, temps: Temps, attrs: ActivationAttrs): Expr;
  /** dx from y or x (see activationGradNeeds) and dy, without the flush of negligible values. */
  gradient(f: Func, of: Expr, dy: Expr, temps: Temps, attrs: ActivationAttrs): Expr;
}

/** An expression that runs statements first. */
export function after(statements: () => void, value: Expr): Expr {
  return () => {
    statements();
    value();
  };
}

/** temps[0] = 1 / (1 + exp(-x)): within 1.6e-38..1, so never denormal. temps[1] is overwritten. */
export function setSigmoid(f: Func, x: Expr, temps: Temps): void {
  const [s, spare] = temps as [Local, Local];
  emitExp(f, s, clamp(f, f.v.neg(x), -expLimit, expLimit), spare);
  f.set(s, f.v.div(f.vec(1), f.v.add(f.vec(1), s)));
}
