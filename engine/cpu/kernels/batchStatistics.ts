import type { Expr, Func, Local } from '../asm/func.ts';
import {
  byRow,
  ownRows,
  emitSliceStart,
  sliceCount,
  whole,
  type Access,
  type Buffer,
  type KernelContext,
  type Placed,
  type RowScope,
} from '../step.ts';
import { streamCost } from './kernel.ts';

/**
 * Batch statistics without a barrier per value: each part of the batch (an image, or a slice of feature rows) leaves two
 * vectors of sums, and the parts are combined in order. Parts do not depend on the number of threads.
 */
interface Parts {
  readonly count: number;
  /** Bytes of one of the two vectors. */
  readonly vector: number;
  /** Whether a part is an image (else a slice of rows of one pixel each). */
  readonly images: boolean;
}

function partsOf(x: Placed): Parts {
  const { rows, rowSize, pixel } = x.layout;
  const images = rowSize > pixel;
  return { count: images ? rows : sliceCount(rows), vector: 4 * pixel, images };
}

/**
 * Vectors of channels to take side by side: as many as divide the channels, at most `most`. Pixels are a stride apart, so
 * one vector at a time would fetch every cache line four times.
 */
export function channelGroup(pixel: number, most: number): number {
  const vectors = pixel / 4;
  for (let group = most; group > 1; group--) if (vectors % group === 0) return group;
  return 1;
}

/** Runs `body` for the byte offset of each vector of channels. */
export function eachChannel(f: Func, x: Placed, body: (c: Local) => void): void {
  const c = f.local('i32');
  f.for(c, 0, 4 * x.layout.pixel, 16, () => body(c));
}

/** A step that calls core(part's address in each tensor..., pixels, part's address in `parts`). */
function partStep(
  context: KernelContext,
  name: string,
  inputs: readonly Placed[],
  more: readonly Access[],
  parts: Buffer,
  core: (scope: RowScope) => { func: Func; extra: readonly number[] },
): void {
  const [x] = inputs as readonly [Placed];
  const { rows, rowSize, pixel } = x.layout;
  const { images, vector } = partsOf(x);
  context.step({
    kind: 'rows',
    name,
    rows,
    unit: images ? 'image' : 'matrix',
    reads: [...inputs.map((tensor) => ownRows(tensor)), ...more],
    writes: [byRow(parts)],
    cost: streamCost(8 * x.layout.size * inputs.length),
    emit: (scope) => {
      const { f, from, to, slice } = scope;
      const { func, extra } = core(scope);
      const pixels = f.i32.mul(f.i32.sub(to, from), rowSize / pixel);
      const addresses = inputs.map((tensor) => scope.address(tensor));
      const part = f.i32.add(f.i32.mul(images ? from : slice, 2 * vector), parts.address);
      f.run(f.call(func, ...addresses, pixels, part, ...extra));
    },
  });
}

/** Mean and sum of squared deviations of every part, in two passes. */
export function partialMoments(context: KernelContext, x: Placed): Buffer {
  const { count, vector } = partsOf(x);
  const parts = context.workspace(`${x.spec.name} moments`, count * 2 * vector);
  partStep(context, 'batchNorm moments', [x], [], parts, ({ module }) => ({
    extra: [],
    func: module.core(`moments ${vector}`, ['i32', 'i32', 'i32'], (f) => {
      const [source, pixels, target] = f.params() as [Local, Local, Local];
      const [at, end] = f.locals('i32', 2) as [Local, Local];
      const group = channelGroup(x.layout.pixel, 4);
      const sums = f.locals('v128', group);
      const means = f.locals('v128', group);
      const deviation = f.local('v128');
      const c = f.local('i32');
      const eachPixel = (body: (sum: Local, g: number) => void): void => {
        for (const sum of sums) f.set(sum, f.vec(0));
        f.for(at, f.i32.add(source, c), end, vector, () => sums.forEach(body));
      };
      f.for(c, 0, vector, 16 * group, () => {
        f.set(end, f.i32.add(f.i32.add(source, c), f.i32.mul(pixels, vector)));
        eachPixel((sum, g) => f.set(sum, f.v.add(sum, f.load(at, 16 * g))));
        means.forEach((mean, g) => f.set(mean, f.v.div(sums[g]!, f.v.splat(f.f32.convertS(pixels)))));
        eachPixel((sum, g) => {
          f.set(deviation, f.v.sub(f.load(at, 16 * g), means[g]!));
          f.set(sum, f.madd(deviation, deviation, sum));
        });
        for (let g = 0; g < group; g++) {
          f.store(f.i32.add(target, c), 16 * g, means[g]!);
          f.store(f.i32.add(target, c), vector + 16 * g, sums[g]!);
        }
      });
    }),
  }));
  return parts;
}

/** Rows in a part as f32 lanes: a constant for images, else the size of the slice. */
function partSize(f: Func, x: Placed, part: Local): Expr {
  const { rows, rowSize, pixel } = x.layout;
  if (partsOf(x).images) return f.vec(rowSize / pixel);
  const size = f.i32.sub(emitSliceStart(f, rows, f.i32.add(part, 1)), emitSliceStart(f, rows, part));
  return f.v.splat(f.f32.convertS(size));
}

/** mean and squares (sum of squared deviations from it) of the whole batch for the channels at byte offset c. */
export function combineMoments(
  f: Func,
  x: Placed,
  parts: Buffer,
  c: Local,
  mean: Local,
  squares: Local,
  spare: Local,
): void {
  const { count, vector } = partsOf(x);
  const { rows, rowSize, pixel } = x.layout;
  const part = f.local('i32');
  const at = f.local('i32');
  const eachPart = (body: () => void): void => {
    f.set(at, c);
    f.for(part, 0, count, 1, () => {
      body();
      f.inc(at, 2 * vector);
    });
  };
  f.set(mean, f.vec(0));
  eachPart(() => f.set(mean, f.madd(f.load(at, parts.address), partSize(f, x, part), mean)));
  f.set(mean, f.v.div(mean, f.vec(rows * (rowSize / pixel))));
  f.set(squares, f.vec(0));
  eachPart(() => {
    f.set(spare, f.v.sub(f.load(at, parts.address), mean));
    f.set(squares, f.v.add(squares, f.load(at, parts.address + vector)));
    f.set(squares, f.madd(f.v.mul(spare, spare), partSize(f, x, part), squares));
  });
}

export interface Products {
  readonly buffer: Buffer;
  /** Sets `sum` to the sum of dy and `product` to that of dy * (x - mean) over the batch. */
  combine(f: Func, c: Local, sum: Local, product: Local): void;
}

export function partialProducts(context: KernelContext, x: Placed, dy: Placed, mean: Placed): Products {
  const { count, vector } = partsOf(x);
  const parts = context.workspace(`${x.spec.name} products`, count * 2 * vector);
  partStep(context, 'batchNormGrad products', [x, dy], [whole(mean)], parts, ({ module }) => ({
    extra: [mean.buffer.address],
    func: module.core(`products ${vector}`, ['i32', 'i32', 'i32', 'i32', 'i32'], (f) => {
      const [source, upstream, pixels, target, means] = f.params() as [Local, Local, Local, Local, Local];
      const [at, end] = f.locals('i32', 2) as [Local, Local];
      const group = channelGroup(x.layout.pixel, 4);
      const value = f.local('v128');
      const c = f.local('i32');
      const lanes = Array.from({ length: group }, () => ({
        sum: f.local('v128'),
        product: f.local('v128'),
        center: f.local('v128'),
      }));
      f.for(c, 0, vector, 16 * group, () => {
        f.set(end, f.i32.add(c, f.i32.mul(pixels, vector)));
        lanes.forEach(({ sum, product, center }, g) => {
          f.set(center, f.load(f.i32.add(means, c), 16 * g));
          f.set(sum, f.vec(0));
          f.set(product, f.vec(0));
        });
        f.for(at, c, end, vector, () =>
          lanes.forEach(({ sum, product, center }, g) => {
            f.set(value, f.load(f.i32.add(upstream, at), 16 * g));
            f.set(sum, f.v.add(sum, value));
            const centred = f.v.sub(f.load(f.i32.add(source, at), 16 * g), center);
            f.set(product, f.madd(value, centred, product));
          }),
        );
        lanes.forEach(({ sum, product }, g) => {
          f.store(f.i32.add(target, c), 16 * g, sum);
          f.store(f.i32.add(target, c), vector + 16 * g, product);
        });
      });
    }),
  }));
  return productsIn(parts, count, vector);
}

/** Sums of `count` parts in order: two vectors of `vector` bytes each, of dy and of dy * (x - mean). */
export function productsIn(parts: Buffer, count: number, vector: number): Products {
  return {
    buffer: parts,
    combine: (f, c, sum, product) => {
      const part = f.local('i32');
      const at = f.local('i32');
      f.set(sum, f.vec(0));
      f.set(product, f.vec(0));
      f.set(at, c);
      f.for(part, 0, count, 1, () => {
        f.set(sum, f.v.add(sum, f.load(at, parts.address)));
        f.set(product, f.v.add(product, f.load(at, parts.address + vector)));
        f.inc(at, 2 * vector);
      });
    },
  };
}
