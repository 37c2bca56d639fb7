import type { Expr, Local } from '../asm/func.ts';
import type { CpuKernel } from './kernel.ts';
import { eachVectorOf } from './lines.ts';
import { flush } from './math.ts';
import { rowLoss } from './rowLoss.ts';

export const multiMarginLoss: CpuKernel<'multiMarginLoss'> = ({ attrs, inputs, outputs }, context) => {
  const logits = context.tensor(inputs.logits);
  const gradient = context.optional(outputs.dlogits);
  const { p, margin, reduction } = attrs;
  const classes = logits.shape[1] ?? 1;
  rowLoss(context, {
    name: `multiMarginLoss ${p}`,
    prediction: logits,
    target: context.tensor(inputs.target),
    loss: context.tensor(outputs.loss),
    gradient,
    divisor: classes,
    byCountedRows: reduction === 'mean',
    vectorCost: 5,
    emitRow: ({ f, at, label, scale, loss }) => {
      const v = f.local('i32');
      const [lead, short, active, sum, slopes, lanes] = f.locals('v128', 6) as [
        Local,
        Local,
        Local,
        Local,
        Local,
        Local,
      ];
      const labelAt = f.i32.add(at, f.i32.shl(label, 2));
      f.set(lead, f.v.splat(f.f32.sub(f.float(margin), f.loadF32(labelAt, logits.buffer.address))));
      f.set(sum, f.vec(0));
      f.set(slopes, f.vec(0));
      f.set(lanes, f.ivec([0, 1, 2, 3]));
      eachVectorOf(f, v, at, classes, (mask) => {
        f.set(short, f.v.add(f.load(v, logits.buffer.address), lead));
        // Not "greater than 0", so that NaN counts; the class itself does not.
        const beaten = f.v.or(f.v.le(short, f.vec(0)), f.vi.eq(lanes, f.vi.splat(label)));
        f.set(active, mask ? f.v.andnot(mask, beaten) : f.v.not(beaten));
        const value: Expr = p === 1 ? short : f.v.mul(short, short);
        f.set(sum, f.v.add(sum, f.v.and(value, active)));
        f.set(short, f.v.mul(p === 1 ? f.vec(1) : f.v.add(short, short), f.v.splat(scale)));
        f.set(short, f.v.and(short, active));
        f.set(slopes, f.v.add(slopes, short));
        if (gradient) f.store(v, gradient.buffer.address, flush(f, short));
        f.set(lanes, f.vi.add(lanes, f.ivec(4)));
      });
      f.set(loss, f.f64.promote(f.sumLanes(sum, short)));
      if (gradient) f.storeF32(labelAt, gradient.buffer.address, f.f32.neg(f.sumLanes(slopes, short)));
    },
  });
};
