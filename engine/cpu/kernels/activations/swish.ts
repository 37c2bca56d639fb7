import type { Expr, Func, Local } from '../../asm/func.ts';
import { clamp, emitExp, emitLog1p, expLimit } from '../math.ts';
import { after, setSigmoid, type ActivationCode, type Temps } from './code.ts';

/** Beyond it a sigmoid is 0 or 1 in float32; as a factor x is held within, so that it never meets 0 as an infinity. */
const reach = 100;

/** x sigmoid(x) */
export const silu: ActivationCode = {
  cost: 7,
  value: (f, input, temps) => {
    const x = temps[5]!;
    return after(
      () => {
        f.set(x, input);
        setSigmoid(f, x, temps);
      },
      f.v.mul(f.v.pmax(x, f.vec(-reach)), temps[0]!),
    );
  },
  gradient: (f, input, dy, temps) => {
    const [s, t] = temps as [Local, Local];
    const x = temps[5]!;
    return after(
      () => {
        f.set(x, input);
        setSigmoid(f, x, temps);
        f.set(t, f.madd(clamp(f, x, -reach, reach), f.v.sub(f.vec(1), s), f.vec(1)));
      },
      f.v.mul(dy, f.v.mul(s, t)),
    );
  },
};

/** ln(1 + exp(x)) = max(x, 0) + ln(1 + exp(-|x|)) */
export const softplus: ActivationCode = {
  cost: 10,
  value: (f, input, [e, spare, , , , x]) =>
    after(
      () => {
        f.set(x!, input);
        emitExp(f, e!, f.v.pmax(f.v.neg(f.v.abs(x!)), f.vec(-expLimit)), spare!);
        emitLog1p(f, e!, e!, spare!);
      },
      f.v.add(f.v.pmax(x!, f.vec(0)), e!),
    ),
  gradient: (f, x, dy, temps) => after(() => setSigmoid(f, x, temps), f.v.mul(dy, temps[0]!)),
};

/** x min(max(x + 3, 0), 6) / 6 */
export const hardSwish: ActivationCode = {
  cost: 1,
  value: (f, input, [, , , , , x]) => {
    const gate = f.v.mul(clamp(f, f.v.add(x!, f.vec(3)), 0, 6), f.vec(1 / 6));
    return after(() => f.set(x!, input), f.v.mul(f.v.pmax(x!, f.vec(-3)), gate));
  },
  gradient: (f, input, dy, [, , , , , x]) => {
    const inside = f.madd(x!, f.vec(1 / 3), f.vec(0.5));
    const slope = f.v.andnot(f.v.select(f.vec(1), inside, f.v.ge(x!, f.vec(3))), f.v.le(x!, f.vec(-3)));
    return after(() => f.set(x!, input), f.v.mul(dy, slope));
  },
};

/** From here on mish is x in float32; the squares of its exponential stay far from overflow. */
const mishReach = 30;

/** temps[2] = x within -87..30, temps[0] = e = exp of it, temps[3] = n = e (e + 2). tanh(ln(1 + e)) = n / (n + 2). */
function setMish(f: Func, input: Expr, temps: Temps): void {
  const [e, spare, x, n] = temps as [Local, Local, Local, Local];
  f.set(x, clamp(f, input, -expLimit, mishReach));
  emitExp(f, e, x, spare);
  f.set(n, f.v.mul(e, f.v.add(e, f.vec(2))));
}

/** x tanh(softplus(x)) */
export const mish: ActivationCode = {
  cost: 9,
  value: (f, input, temps) => {
    const [n, x] = [temps[3]!, temps[5]!];
    return after(
      () => {
        f.set(x, input);
        setMish(f, x, temps);
      },
      f.v.mul(f.v.pmax(x, f.vec(-expLimit)), f.v.div(n, f.v.add(n, f.vec(2)))),
    );
  },
  gradient: (f, input, dy, temps) => {
    const [e, spare, x, n, q] = temps as [Local, Local, Local, Local, Local];
    return after(
      () => {
        setMish(f, input, temps);
        // n / (n + 2) + x * 4 e (1 + e) / (n + 2)^2, factor by factor so that no square overflows.
        f.set(q, f.v.div(f.vec(1), f.v.add(n, f.vec(2))));
        f.set(spare, f.v.mul(f.v.mul(f.vec(4), e), q));
        f.set(spare, f.v.mul(spare, f.v.mul(f.v.add(e, f.vec(1)), q)));
      },
      f.v.mul(dy, f.madd(x, spare, f.v.mul(n, q))),
    );
  },
};
