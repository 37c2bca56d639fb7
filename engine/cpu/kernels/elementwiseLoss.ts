import { sizeOf } from '../../tensor.ts';
import type { Expr, Func, Local } from '../asm/func.ts';
import type { ElementwiseLossName } from '../../ops/op.ts';
import type { CpuKernel } from './kernel.ts';
import { eachVectorOf } from './lines.ts';
import { emitExp, emitLog1p, expLimit, flush } from './math.ts';
import { rowLoss } from './rowLoss.ts';

interface LossCode {
  readonly cost: number;
  /** Statements for x and t; then value and derivative with respect to x. NaN passes through both. */
  emit(f: Func, x: Local, t: Local, temps: readonly Local[], delta: number): { value: Expr; derivative: Expr };
}

const code: Record<ElementwiseLossName, LossCode> = {
  mse: {
    cost: 2,
    emit(f, x, t, [d]) {
      f.set(d!, f.v.sub(x, t));
      return { value: f.v.mul(d!, d!), derivative: f.v.add(d!, d!) };
    },
  },
  mae: {
    cost: 2,
    emit(f, x, t, [d]) {
      f.set(d!, f.v.sub(x, t));
      const negative = f.v.select(f.vec(-1), d!, f.v.lt(d!, f.vec(0)));
      return { value: f.v.abs(d!), derivative: f.v.select(f.vec(1), negative, f.v.gt(d!, f.vec(0))) };
    },
  },
  huber: {
    cost: 3,
    emit(f, x, t, [d, size], delta) {
      f.set(d!, f.v.sub(x, t));
      f.set(size!, f.v.abs(d!));
      const near = f.v.mul(f.v.mul(d!, d!), f.vec(0.5));
      const far = f.v.mul(f.v.sub(size!, f.vec(delta / 2)), f.vec(delta));
      return {
        value: f.v.select(near, far, f.v.le(size!, f.vec(delta))),
        derivative: f.v.pmax(f.v.pmin(d!, f.vec(delta)), f.vec(-delta)),
      };
    },
  },
  binaryCrossEntropy: {
    cost: 12,
    emit(f, x, t, [e, log, spare, q]) {
      emitExp(f, e!, f.v.pmax(f.v.neg(f.v.abs(x)), f.vec(-expLimit)), spare!);
      emitLog1p(f, log!, e!, spare!);
      f.set(q!, f.v.div(f.vec(1), f.v.add(f.vec(1), e!)));
      const sigmoid = f.v.select(f.v.mul(e!, q!), q!, f.v.lt(x, f.vec(0)));
      return {
        value: f.v.add(f.v.sub(f.v.pmax(x, f.vec(0)), f.v.mul(x, t)), log!),
        derivative: f.v.sub(sigmoid, t),
      };
    },
  },
};

export const elementwiseLoss: CpuKernel<'elementwiseLoss'> = ({ attrs, inputs, outputs }, context) => {
  const prediction = context.tensor(inputs.prediction);
  const target = context.tensor(inputs.target);
  const gradient = context.optional(outputs.dprediction);
  const { fn, reduction, delta = 1 } = attrs;
  const byClass = target.spec.dtype === 'i32';
  const { rowSize, pixel } = prediction.layout;
  const channels = prediction.shape[1] ?? 1;
  rowLoss(context, {
    name: `elementwiseLoss ${fn}`,
    prediction,
    target,
    loss: context.tensor(outputs.loss),
    gradient,
    divisor: reduction === 'sum' ? 1 : sizeOf(prediction.shape.slice(1)),
    byCountedRows: reduction === 'mean',
    vectorCost: code[fn].cost + 2,
    emitRow: ({ f, at, label, scale, loss }) => {
      const [pixelAt, v] = f.locals('i32', 2) as [Local, Local];
      const [x, t, sum, d, lanes] = f.locals('v128', 5) as [Local, Local, Local, Local, Local];
      const temps = f.locals('v128', 4);
      f.for(pixelAt, at, f.i32.add(at, 4 * rowSize), 4 * pixel, () => {
        f.set(sum, f.vec(0));
        if (byClass) f.set(lanes, f.ivec([0, 1, 2, 3]));
        eachVectorOf(f, v, pixelAt, channels, (mask) => {
          f.set(x, f.load(v, prediction.buffer.address));
          const isClass = f.v.and(f.vi.eq(lanes, f.vi.splat(label)), f.vec(1));
          f.set(t, byClass ? isClass : f.load(v, target.buffer.address));
          const { value, derivative } = code[fn].emit(f, x, t, temps, delta);
          f.set(sum, f.v.add(sum, mask ? f.v.and(value, mask) : value));
          if (gradient) {
            f.set(d, f.v.mul(derivative, f.v.splat(scale)));
            f.store(v, gradient.buffer.address, flush(f, d));
          }
          if (byClass) f.set(lanes, f.vi.add(lanes, f.ivec(4)));
        });
        f.set(loss, f.f64.add(loss, f.f64.promote(f.sumLanes(sum, d))));
      });
    },
  });
};
