import type { Expr, Func, Local } from '../asm/func.ts';
import { byRow, whole, type Buffer, type KernelContext, type Placed } from '../step.ts';
import { scalarCost } from './kernel.ts';

export interface RowScope {
  readonly f: Func;
  /** Number of the row, and its beginning in prediction and gradient, in bytes. */
  readonly row: Local;
  readonly at: Local;
  /** i32, the row's class, where the target gives classes. */
  readonly label: Local;
  /** f32, what the gradient is multiplied with. */
  readonly scale: Local;
  /** f64, the row's loss, to be added to; multiplied with `scale` afterwards. */
  readonly loss: Local;
}

export interface RowLoss {
  readonly name: string;
  readonly prediction: Placed;
  /** Classes, i32 [rows], or anything else of which a row belongs to a row. */
  readonly target: Placed;
  readonly loss: Placed;
  readonly gradient: Placed | undefined;
  /** The loss is divided by it, and with `byCountedRows` also by the number of rows that have a class. */
  readonly divisor: number;
  readonly byCountedRows: boolean;
  /** Nanoseconds of a vector. */
  readonly vectorCost: number;
  emitRow(scope: RowScope): void;
}

/**
 * A loss row by row, and the sum over the rows in order. Rows of class -1 give nothing. Counted rows are counted anew for every
 * slice: that is a short loop over the targets and saves a barrier.
 */
export function rowLoss(context: KernelContext, spec: RowLoss): void {
  const { prediction, target, loss, gradient } = spec;
  const { rows, rowSize } = prediction.layout;
  const byClass = target.spec.dtype === 'i32';
  const rowLosses = context.workspace('row losses', 8 * rows);
  context.step({
    kind: 'rows',
    name: spec.name,
    rows,
    unit: 'matrix',
    reads: [byRow(prediction), byClass ? whole(target) : byRow(target)],
    writes: [byRow(rowLosses), ...(gradient ? [byRow(gradient)] : [])],
    cost: scalarCost(rows * 20) + ((rows * rowSize) / 4) * spec.vectorCost,
    emit: ({ f, from, to }) => {
      const [row, at, label] = f.locals('i32', 3) as [Local, Local, Local];
      const scale = f.local('f32');
      const rowSum = f.local('f64');
      const labelOf = (): Expr => f.loadI32(f.i32.shl(row, 2), target.buffer.address);
      f.set(scale, f.float(spec.byCountedRows && byClass ? 0 : spec.byCountedRows ? rows : 1));
      if (spec.byCountedRows && byClass) {
        f.for(row, 0, rows, 1, () => {
          f.if(f.i32.geS(labelOf(), 0), () => f.set(scale, f.f32.add(scale, f.float(1))));
        });
      }
      f.set(scale, f.f32.div(f.float(1), f.f32.mul(scale, f.float(spec.divisor))));
      f.for(row, from, to, 1, () => {
        f.set(at, f.i32.mul(row, 4 * rowSize));
        f.set(rowSum, f.double(0));
        const counted = (): void => {
          spec.emitRow({ f, row, at, label, scale, loss: rowSum });
          f.set(rowSum, f.f64.mul(rowSum, f.f64.promote(scale)));
        };
        if (byClass) {
          f.set(label, labelOf());
          f.if(
            f.i32.ltS(label, 0),
            () => {
              if (gradient) f.zero(f.i32.add(at, gradient.buffer.address), 4 * rowSize);
            },
            counted,
          );
        } else counted();
        f.storeF64(f.i32.shl(row, 3), rowLosses.address, rowSum);
      });
    },
  });
  sumRowLosses(context, spec.name, rowLosses, rows, loss);
}

/** loss = the sum of the rows' losses, f64 each, in order. */
export function sumRowLosses(
  context: KernelContext,
  name: string,
  rowLosses: Buffer,
  rows: number,
  loss: Placed,
): void {
  context.step({
    kind: 'tasks',
    name: `${name} sum`,
    count: 1,
    reads: [whole(rowLosses)],
    writes: [whole(loss)],
    cost: scalarCost(rows),
    emit: ({ f }) => {
      const at = f.local('i32');
      const sum = f.local('f64');
      f.set(sum, f.double(0));
      f.for(at, rowLosses.address, rowLosses.address + 8 * rows, 8, () => f.set(sum, f.f64.add(sum, f.loadF64(at))));
      f.storeF32(loss.buffer.address, 0, f.f32.demote(sum));
    },
  });
}
