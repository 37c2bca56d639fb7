import type { Expr, Func, Local } from '../asm/func.ts';
import { randomSlot } from '../../ops/op.ts';
import { byRow, whole, wholeIf, type Placed } from '../step.ts';
import { scalarCost, type CpuKernel } from './kernel.ts';
import { eachVectorOf, spreadLargest, spreadSum } from './lines.ts';
import { emitExp, emitLog, flush } from './math.ts';
import { sumRowLosses } from './rowLoss.ts';

/** exp(-60) is nothing beside the largest logit's 1, and its products with the gradient's factors are no denormals yet. */
const leastLogit = -60;

/** A logit minus the row's largest, bounded below. */
function shifted(f: Func, x: Expr, largest: Local): Expr {
  return f.v.pmax(f.v.sub(x, largest), f.vec(leastLogit));
}

/**
 * Loss and gradient row by row; the loss of a batch is the sum of its rows' in order. The divisor of 'mean' is counted
 * anew for every slice: it is a short loop over the targets and saves a barrier.
 */
export const softmaxCrossEntropy: CpuKernel<'softmaxCrossEntropy'> = ({ attrs, inputs, outputs }, context) => {
  const logits = context.tensor(inputs.logits);
  const target = context.tensor(inputs.target);
  const classWeight = context.optional(inputs.classWeight);
  const loss = context.tensor(outputs.loss);
  const dlogits = context.optional(outputs.dlogits);
  const [rows = 1, classes = 1] = logits.shape;
  const { rowSize } = logits.layout;
  const vectors = rowSize / 4;
  const smoothing = attrs.labelSmoothing;
  const rowLosses = context.workspace('row losses', 8 * rows);
  const exponentials = dlogits ? undefined : context.workspace('row exponentials', 4 * logits.layout.size);
  const kept = dlogits?.buffer ?? exponentials!;
  context.step({
    kind: 'rows',
    name: 'softmaxCrossEntropy',
    rows,
    unit: 'matrix',
    reads: [byRow(logits), whole(target), ...wholeIf(classWeight)],
    writes: [byRow(rowLosses), byRow(kept)],
    cost: scalarCost(rows * (40 + vectors * 20)),
    emit: ({ f, from, to }) => {
      const [row, label, at, v, i] = f.locals('i32', 5) as [Local, Local, Local, Local, Local];
      const [largest, sum, e, spare, factor] = f.locals('v128', 5) as [Local, Local, Local, Local, Local];
      const [logSum, number, rowLoss, smooth, top] = f.locals('f64', 5) as [Local, Local, Local, Local, Local];
      const bits = f.local('i64');
      const [divisor, weight, weightSum] = f.locals('f32', 3) as [Local, Local, Local];
      const labelOf = (of: Local): Expr => f.loadI32(f.i32.shl(of, 2), target.buffer.address);
      const weightAt = (k: Expr): Expr =>
        classWeight ? f.loadF32(f.i32.shl(k, 2), classWeight.buffer.address) : f.float(1);
      f.set(divisor, f.float(attrs.reduction === 'mean' ? 0 : 1));
      if (attrs.reduction === 'mean') {
        f.for(row, 0, rows, 1, () => {
          f.set(label, labelOf(row));
          f.if(f.i32.geS(label, 0), () => f.set(divisor, f.f32.add(divisor, weightAt(label))));
        });
      }
      f.set(weightSum, f.float(classWeight ? 0 : classes));
      if (smoothing > 0 && classWeight) {
        f.for(i, 0, classes, 1, () => f.set(weightSum, f.f32.add(weightSum, weightAt(i))));
      }
      const eachVector = (body: (mask: Expr | null) => void): void => eachVectorOf(f, v, at, classes, body);
      const x = (): Expr => f.load(v, logits.buffer.address);
      f.for(row, from, to, 1, () => {
        f.set(at, f.i32.mul(row, 4 * rowSize));
        f.set(label, labelOf(row));
        f.if(
          f.i32.ltS(label, 0),
          () => {
            storeF64(f, row, rowLosses.address, f.double(0));
            f.zero(f.i32.add(at, kept.address), 4 * rowSize);
          },
          () => {
            f.set(largest, f.vec(-Infinity));
            eachVector((mask) => {
              f.set(largest, f.v.max(largest, mask ? f.v.select(x(), largest, mask) : x()));
            });
            spreadLargest(f, largest);
            f.set(sum, f.vec(0));
            eachVector((mask) => {
              emitExp(f, e, shifted(f, x(), largest), spare);
              if (mask) f.set(e, f.v.and(e, mask));
              f.set(sum, f.v.add(sum, e));
              f.store(v, kept.address, e);
            });
            spreadSum(f, sum, spare);
            // loss = log of the sum of exponentials + (largest - x[label]): the logits among themselves first, or large ones
            // would swallow the logarithm
            f.set(number, f.f64.promote(f.lane(sum, 0)));
            emitLog(f, logSum, number, bits, i);
            f.set(top, f.f64.promote(f.lane(largest, 0)));
            const lossOf = (place: Expr): Expr => {
              const logit = f.f64.promote(f.loadF32(place, logits.buffer.address));
              return f.f64.add(logSum, f.f64.sub(top, logit));
            };
            f.set(weight, weightAt(label));
            const labelAt = f.i32.add(at, f.i32.shl(label, 2));
            const labelLoss = lossOf(labelAt);
            f.set(rowLoss, f.f64.mul(labelLoss, f.f64.mul(f.f64.promote(weight), f.double(1 - smoothing))));
            if (smoothing > 0) {
              f.set(smooth, f.double(0));
              f.for(i, 0, classes, 1, () => {
                const part = f.f64.mul(f.f64.promote(weightAt(i)), lossOf(f.i32.add(at, f.i32.shl(i, 2))));
                f.set(smooth, f.f64.add(smooth, part));
              });
              f.set(rowLoss, f.f64.add(rowLoss, f.f64.mul(smooth, f.double(smoothing / classes))));
            }
            storeF64(f, row, rowLosses.address, f.f64.div(rowLoss, f.f64.promote(divisor)));
            if (dlogits) {
              // d = (p * total - part of each class) / divisor, total = (1-s) w[t] + s/K sum w.
              const total = f.f32.add(
                f.f32.mul(weight, f.float(1 - smoothing)),
                f.f32.mul(weightSum, f.float(smoothing / classes)),
              );
              f.set(factor, f.v.div(f.v.splat(f.f32.div(total, divisor)), sum));
              if (smoothing > 0) f.set(spare, f.v.splat(f.f32.div(f.float(smoothing / classes), divisor)));
              eachVector((mask) => {
                f.set(e, f.v.mul(f.load(v, dlogits.buffer.address), factor));
                if (smoothing > 0) {
                  const of = f.i32.sub(v, at);
                  const weights = classWeight ? f.load(of, classWeight.buffer.address) : f.vec(1);
                  const part = f.v.mul(spare, weights);
                  f.set(e, f.v.sub(e, mask ? f.v.and(part, mask) : part));
                }
                f.store(v, dlogits.buffer.address, flush(f, e));
              });
              const own = f.f32.div(f.f32.mul(weight, f.float(1 - smoothing)), divisor);
              const before = f.loadF32(labelAt, dlogits.buffer.address);
              f.storeF32(labelAt, dlogits.buffer.address, f.f32.sub(before, own));
            }
          },
        );
      });
    },
  });
  sumRowLosses(context, 'softmaxCrossEntropy', rowLosses, rows, loss);
};

/** rows[row] = value, 8 bytes each. */
function storeF64(f: Func, row: Local, base: number, value: Expr): void {
  f.storeF64(f.i32.shl(row, 3), base, value);
}

export const countCorrect: CpuKernel<'countCorrect'> = ({ inputs, outputs }, context) => {
  const logits = context.tensor(inputs.logits);
  const target = context.tensor(inputs.target);
  const correct = context.tensor(outputs.correct);
  const [rows = 1, classes = 1] = logits.shape;
  const hits = context.workspace('hits', 4 * rows);
  context.step({
    kind: 'rows',
    name: 'countCorrect',
    rows,
    unit: 'matrix',
    reads: [byRow(logits), whole(target)],
    writes: [byRow(hits)],
    cost: scalarCost(rows * (classes + 4)),
    emit: ({ f, from, to }) => {
      const [row, label, at, k, best] = f.locals('i32', 5) as [Local, Local, Local, Local, Local];
      const [largest, value] = f.locals('f32', 2) as [Local, Local];
      f.for(row, from, to, 1, () => {
        f.set(label, f.loadI32(f.i32.shl(row, 2), target.buffer.address));
        f.set(at, f.i32.mul(row, 4 * logits.layout.rowSize));
        f.set(best, 0);
        f.set(largest, f.loadF32(at, logits.buffer.address));
        f.for(k, 1, classes, 1, () => {
          f.inc(at, 4);
          f.set(value, f.loadF32(at, logits.buffer.address));
          f.if(f.f32.gt(value, largest), () => {
            f.set(largest, value);
            f.set(best, k);
          });
        });
        // A row whose largest logit is not a number has no answer.
        const right = f.i32.and(f.i32.eq(best, label), f.f32.eq(largest, largest));
        f.storeI32(f.i32.shl(row, 2), hits.address, right);
      });
    },
  });
  context.step({
    kind: 'tasks',
    name: 'countCorrect sum',
    count: 1,
    reads: [whole(hits)],
    writes: [whole(correct)],
    cost: scalarCost(rows),
    emit: ({ f }) => {
      const [at, sum] = f.locals('i32', 2) as [Local, Local];
      f.set(sum, 0);
      f.for(at, hits.address, hits.address + 4 * rows, 4, () => f.set(sum, f.i32.add(sum, f.loadI32(at))));
      f.storeF32(correct.buffer.address, 0, f.f32.convertS(sum));
    },
  });
};

export const record: CpuKernel<'record'> = ({ inputs }, context) => {
  const random = context.tensor(inputs.random);
  const history = context.tensor(inputs.history);
  const values = inputs.values.map((id): Placed => context.tensor(id));
  const [slots = 1] = history.shape;
  context.step({
    kind: 'tasks',
    name: 'record',
    count: 1,
    reads: [whole(random), ...values.map((value) => whole(value))],
    writes: [whole(history)],
    cost: 20,
    emit: ({ f }) => {
      const step = f.loadI32(random.buffer.address, 4 * randomSlot.step);
      const row = f.i32.mul(f.i32.remU(step, slots), 4 * values.length);
      values.forEach((value, i) => {
        f.storeF32(row, history.buffer.address + 4 * i, f.loadF32(value.buffer.address));
      });
    },
  });
};
