import type { Expr, Func, Local } from '../asm/func.ts';
import { resizeTaps, transposeTaps, type ResizeMode, type Taps } from '../../ops/resample.ts';
import { ownRows, type KernelContext, type Placed } from '../step.ts';
import { scalarCost, type CpuKernel } from './kernel.ts';

/**
 * target[i] = sum over k of weight[k] * source[i + k * stride] for `floats` values of i; in vectors, or one by one where a
 * pixel is a single value. No weights: zeros.
 */
function weightedSum(
  f: Func,
  taps: Taps,
  source: Expr,
  target: Expr,
  stride: number,
  floats: number,
  vectors: boolean,
): void {
  const { weights } = taps;
  const [from, to, end] = f.locals('i32', 3) as [Local, Local, Local];
  f.set(from, source);
  f.set(to, target);
  const turn = vectors ? 16 : 4;
  const eachTurn = (body: () => void): void => {
    if (4 * floats === turn) {
      body();
      return;
    }
    f.set(end, f.i32.add(to, 4 * floats));
    f.for(to, to, end, turn, () => {
      body();
      f.inc(from, turn);
    });
  };
  if (!vectors) {
    eachTurn(() => {
      const parts = weights.map((weight, k) => f.f32.mul(f.loadF32(from, 4 * k * stride), f.float(weight)));
      f.storeF32(to, 0, parts.length === 0 ? f.float(0) : parts.reduce((sum, part) => f.f32.add(sum, part)));
    });
    return;
  }
  const factors = weights.map((weight) => {
    const factor = f.local('v128');
    f.set(factor, f.v.splat(f.float(weight)));
    return factor;
  });
  eachTurn(() => {
    const [first, ...others] = factors.map((factor, k) => [factor, f.load(from, 4 * k * stride)] as const);
    if (first === undefined) {
      f.store(to, 0, f.vec(0));
      return;
    }
    const start = weights[0] === 1 ? first[1] : f.v.mul(first[0], first[1]);
    f.store(
      to,
      0,
      others.reduce((sum, [factor, value]) => f.madd(factor, value, sum), start),
    );
  });
}

/**
 * Both axes of an image: each output row is first put together from rows of the source, in the thread's own memory, and then
 * drawn out along the width. The taps are constants of the code.
 */
function resample(
  context: KernelContext,
  name: string,
  source: Placed,
  target: Placed,
  mode: ResizeMode,
  taps: (axis: 2 | 3) => readonly Taps[],
): void {
  const { pixel, rows } = source.layout;
  const [, , height = 1, width = 1] = source.shape;
  const [, , outHeight = 1, outWidth = 1] = target.shape;
  const vectors = pixel % 4 === 0;
  const vertical = taps(2);
  const horizontal = taps(3);
  const count = (list: readonly Taps[]): number => list.reduce((sum, { weights }) => sum + weights.length + 1, 0);
  context.needScratch(4 * width * pixel + 16);
  context.step({
    kind: 'rows',
    name,
    rows,
    unit: 'image',
    reads: [ownRows(source)],
    writes: [ownRows(target)],
    cost: scalarCost((rows * (count(vertical) * width + count(horizontal) * outHeight) * pixel) / (vectors ? 4 : 1)),
    emit: ({ f, module, address, scratch }) => {
      const along = `${name} ${mode} ${width} to ${outWidth} of ${pixel}`;
      const line = module.core(along, ['i32', 'i32'], (g) => {
        const [from, to] = g.params() as [Local, Local];
        horizontal.forEach((each, i) => {
          const at = g.i32.add(from, 4 * each.first * pixel);
          weightedSum(g, each, at, g.i32.add(to, 4 * i * pixel), pixel, pixel, vectors);
        });
      });
      const image = module.core(`${along}, ${height} to ${outHeight}`, ['i32', 'i32', 'i32'], (g) => {
        const [from, to, own] = g.params() as [Local, Local, Local];
        vertical.forEach((each, i) => {
          const at = g.i32.add(from, 4 * each.first * width * pixel);
          const out = g.i32.add(to, 4 * i * outWidth * pixel);
          const unchanged = each.weights.length === 1 && each.weights[0] === 1;
          if (!unchanged) weightedSum(g, each, at, own, width * pixel, width * pixel, vectors);
          g.run(g.call(line, unchanged ? at : own, out));
        });
      });
      f.run(f.call(image, address(source), address(target), scratch));
    },
  });
}

export const resize: CpuKernel<'resize'> = ({ attrs: { mode }, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const y = context.tensor(outputs.y);
  resample(context, 'resize', x, y, mode, (axis) => resizeTaps(mode, x.shape[axis]!, y.shape[axis]!));
};

/** The transpose: what each pixel had a part in, with the same weights. */
export const resizeGrad: CpuKernel<'resizeGrad'> = ({ attrs: { mode }, inputs, outputs }, context) => {
  const dy = context.tensor(inputs.dy);
  const dx = context.tensor(outputs.dx);
  resample(context, 'resizeGrad', dy, dx, mode, (axis) => {
    const size = dx.shape[axis]!;
    return transposeTaps(resizeTaps(mode, size, dy.shape[axis]!), size);
  });
};
