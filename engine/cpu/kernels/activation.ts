import type { Local } from '../asm/func.ts';
import type { ActivationName } from '../../ops/activationName.ts';
import { activationGradNeeds } from '../../ops/activationName.ts';
import type { ActivationAttrs } from '../../ops/op.ts';
import { EngineError } from '../../errors.ts';
import { after, setSigmoid, type ActivationCode } from './activations/code.ts';
import { elu, selu } from './activations/elu.ts';
import { gelu } from './activations/gelu.ts';
import { hardSwish, mish, silu, softplus } from './activations/swish.ts';
import { elementwise } from './elementwise.ts';
import type { CpuKernel } from './kernel.ts';
import { emitExp, expLimit, flush, horner, negligibleFactor } from './math.ts';

/** tanh for |x| < 0.625 as x + x^3 p(x^2): Cephes' minimax polynomial for tanhf. */
const tanhPolynomial = [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1];

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
  elu,
  selu,
  gelu,
  silu,
  softplus,
  hardSwish,
  mish,
};

function keyOf(name: string, { fn, slope, alpha, approximate }: ActivationAttrs): string {
  return `${name} ${fn} ${slope ?? ''} ${alpha ?? ''} ${approximate ?? ''}`;
}

/** Functions that go to 0 on one side; near 0 all others give what comes in, and its sign may matter. */
const vanishing: ReadonlySet<ActivationName> = new Set(['sigmoid', 'gelu', 'silu', 'softplus', 'mish']);

export const activation: CpuKernel<'activation'> = ({ attrs, inputs, outputs }, context) => {
  elementwise(context, {
    key: keyOf('activation', attrs),
    inputs: [context.tensor(inputs.x)],
    output: context.tensor(outputs.y),
    vectorCost: code[attrs.fn].cost,
    body: (f, [x], temps) => {
      const value = code[attrs.fn].value(f, x!, temps, attrs);
      if (!vanishing.has(attrs.fn)) return value;
      const result = temps[1]!;
      return after(() => f.set(result, value), flush(f, result, negligibleFactor));
    },
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
