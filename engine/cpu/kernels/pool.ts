import type { Expr, Func, Local } from '../asm/func.ts';
import type { Module } from '../asm/module.ts';
import { ownRows, type KernelContext, type Placed } from '../step.ts';
import { scalarCost, type CpuKernel } from './kernel.ts';
import { eachWindow, isDisjoint, isTiling, poolKey, poolShape, type PoolShape, type WindowScope } from './windows.ts';

/** A step that calls core(address of its row of each tensor...) for every image. */
function imageStep(
  context: KernelContext,
  name: string,
  shape: PoolShape,
  inputs: readonly Placed[],
  outputs: readonly Placed[],
  build: (f: Func, addresses: readonly Local[]) => void,
): void {
  const { kernel } = shape.window;
  const tensors = [...inputs, ...outputs];
  const key = `${name} ${poolKey(shape)} ${tensors.length}`;
  const core = (module: Module): Func =>
    module.core(
      key,
      tensors.map(() => 'i32' as const),
      (f) => build(f, f.params()),
    );
  const vectors = (shape.rows * shape.outHeight * shape.outWidth * shape.pixel) / 4;
  context.step({
    kind: 'rows',
    name,
    rows: shape.rows,
    unit: 'image',
    reads: inputs.map((tensor) => ownRows(tensor)),
    writes: outputs.map((tensor) => ownRows(tensor)),
    cost: scalarCost(vectors * (kernel[0] * kernel[1] + 2)),
    emit: ({ f, module, address }) => {
      f.run(f.call(core(module), ...tensors.map(address)));
    },
  });
}

export const maxPool2d: CpuKernel<'maxPool2d'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const y = context.tensor(outputs.y);
  const indices = context.optional(outputs.indices);
  const shape = poolShape(x, y, attrs);
  imageStep(context, 'maxPool2d', shape, [x], indices ? [y, indices] : [y], (f, [from, to, places]) => {
    const [best, place, value, better] = f.locals('v128', 4) as [Local, Local, Local, Local];
    eachWindow(f, shape, ({ out, eachPixel, first }) => {
      f.set(best, f.vec(-Infinity));
      if (places) f.set(place, f.vi.splat(first));
      eachPixel((address, constant, position) => {
        const load = f.load(f.i32.add(from!, address), constant);
        if (!places) {
          f.set(best, f.v.max(best, load));
          return;
        }
        f.set(value, load);
        // Greater, or the first NaN.
        f.set(better, f.v.or(f.v.gt(value, best), f.v.andnot(f.v.ne(value, value), f.v.ne(best, best))));
        f.set(place, f.v.select(f.vi.splat(position), place, better));
        f.set(best, f.v.select(value, best, better));
      });
      f.store(f.i32.add(to!, out), 0, best);
      if (places) f.store(f.i32.add(places, out), 0, place);
    });
  });
};

/** Adds `value` to the gradient at `address`, or stores it where no other window can have been. */
function emitSpread(f: Func, shape: PoolShape, address: Expr, constant: number, value: Expr): void {
  f.store(address, constant, isDisjoint(shape) ? value : f.v.add(f.load(address, constant), value));
}

function emitClear(f: Func, shape: PoolShape, target: Local): void {
  if (!isTiling(shape)) f.zero(target, 4 * shape.height * shape.width * shape.pixel);
}

/** The first pixel that is not below the maximum takes the gradient, so a NaN takes it, too. */
export const maxPool2dGrad: CpuKernel<'maxPool2dGrad'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const y = context.tensor(inputs.y);
  const dy = context.tensor(inputs.dy);
  const dx = context.tensor(outputs.dx);
  const shape = poolShape(x, y, attrs);
  imageStep(context, 'maxPool2dGrad', shape, [x, y, dy], [dx], (f, [from, pooled, gradient, target]) => {
    const [maximum, rest, below] = f.locals('v128', 3) as [Local, Local, Local];
    emitClear(f, shape, target!);
    eachWindow(f, shape, ({ out, eachPixel }) => {
      f.set(maximum, f.load(f.i32.add(pooled!, out)));
      f.set(rest, f.load(f.i32.add(gradient!, out)));
      eachPixel((address, constant) => {
        f.set(below, f.v.lt(f.load(f.i32.add(from!, address), constant), maximum));
        emitSpread(f, shape, f.i32.add(target!, address), constant, f.v.andnot(rest, below));
        f.set(rest, f.v.and(rest, below));
      });
    });
  });
};

/** Pixels that the mean of a window divides by. */
function divisor(f: Func, { real, padded }: WindowScope, countIncludePad: boolean): Expr {
  return f.v.splat(f.f32.convertS(countIncludePad ? padded : real));
}

export const avgPool2d: CpuKernel<'avgPool2d'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const y = context.tensor(outputs.y);
  const shape = poolShape(x, y, attrs);
  imageStep(context, `avgPool2d ${attrs.countIncludePad}`, shape, [x], [y], (f, [from, to]) => {
    const sum = f.local('v128');
    eachWindow(f, shape, (scope) => {
      f.set(sum, f.vec(0));
      scope.eachPixel((address, constant) => {
        f.set(sum, f.v.add(sum, f.load(f.i32.add(from!, address), constant)));
      });
      f.store(f.i32.add(to!, scope.out), 0, f.v.div(sum, divisor(f, scope, attrs.countIncludePad)));
    });
  });
};

export const avgPool2dGrad: CpuKernel<'avgPool2dGrad'> = ({ attrs, inputs, outputs }, context) => {
  const dy = context.tensor(inputs.dy);
  const dx = context.tensor(outputs.dx);
  const shape = poolShape(dx, dy, attrs);
  imageStep(context, `avgPool2dGrad ${attrs.countIncludePad}`, shape, [dy], [dx], (f, [from, to]) => {
    const share = f.local('v128');
    emitClear(f, shape, to!);
    eachWindow(f, shape, (scope) => {
      f.set(share, f.v.div(f.load(f.i32.add(from!, scope.out)), divisor(f, scope, attrs.countIncludePad)));
      scope.eachPixel((address, constant) => emitSpread(f, shape, f.i32.add(to!, address), constant, share));
    });
  });
};

/** One window that is the whole image; the sum runs over four partial sums of every fourth pixel, then the rest. */
export const globalAvgPool2d: CpuKernel<'globalAvgPool2d'> = ({ inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const y = context.tensor(outputs.y);
  const { rows, rowSize, pixel } = x.layout;
  const pixels = rowSize / pixel;
  context.step({
    kind: 'rows',
    name: 'globalAvgPool2d',
    rows,
    unit: 'image',
    reads: [ownRows(x)],
    writes: [ownRows(y)],
    cost: scalarCost(x.layout.size / 4),
    emit: ({ f, address }) => {
      const [c, at, i] = f.locals('i32', 3) as [Local, Local, Local];
      const sums = f.locals('v128', 4);
      f.for(c, 0, 4 * pixel, 16, () => {
        f.set(at, f.i32.add(c, address(x)));
        for (const sum of sums) f.set(sum, f.vec(0));
        f.for(i, 0, pixels >> 2, 1, () => {
          sums.forEach((sum, k) => f.set(sum, f.v.add(sum, f.load(at, 4 * k * pixel))));
          f.inc(at, 16 * pixel);
        });
        for (let k = 0; k < pixels % 4; k++) {
          f.set(sums[k]!, f.v.add(sums[k]!, f.load(at, 4 * k * pixel)));
        }
        const total = f.v.add(f.v.add(sums[0]!, sums[1]!), f.v.add(sums[2]!, sums[3]!));
        f.store(f.i32.add(c, address(y)), 0, f.v.div(total, f.vec(pixels)));
      });
    },
  });
};

export const globalAvgPool2dGrad: CpuKernel<'globalAvgPool2dGrad'> = ({ inputs, outputs }, context) => {
  const dy = context.tensor(inputs.dy);
  const dx = context.tensor(outputs.dx);
  const { rows, rowSize, pixel } = dx.layout;
  const pixels = rowSize / pixel;
  context.step({
    kind: 'rows',
    name: 'globalAvgPool2dGrad',
    rows,
    unit: 'image',
    reads: [ownRows(dy)],
    writes: [ownRows(dx)],
    cost: scalarCost(dx.layout.size / 4),
    emit: ({ f, address }) => {
      const [c, at, i] = f.locals('i32', 3) as [Local, Local, Local];
      const share = f.local('v128');
      f.for(c, 0, 4 * pixel, 16, () => {
        f.set(share, f.v.div(f.load(f.i32.add(c, address(dy))), f.vec(pixels)));
        f.set(at, f.i32.add(c, address(dx)));
        f.for(i, 0, pixels, 1, () => {
          f.store(at, 0, share);
          f.inc(at, 4 * pixel);
        });
      });
    },
  });
};
