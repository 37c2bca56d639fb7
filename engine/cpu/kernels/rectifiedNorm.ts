import type { RectifiedNorm, RectifiedNormGrad } from '../fuse.ts';
import type { Expr, Func, Local } from '../asm/func.ts';
import { byRow, ownRows, whole, type Buffer, type KernelContext, type Placed } from '../step.ts';
import {
  batchCoefficients,
  coefficient,
  eachElement,
  gradientCoefficients,
  gradTensors,
  runningCoefficients,
  slot,
} from './batchNorm.ts';
import { channelGroup, productsIn, type Products } from './batchStatistics.ts';
import { streamCost } from './kernel.ts';
import { flush } from './math.ts';
import { poolKey, poolShape, type PoolShape } from './windows.ts';

/** Coefficient tables of the forward groups of a segment, which their ways back read again. */
export type NormTables = Map<RectifiedNorm, Buffer>;

type Load = (c: Expr, offset: number) => Expr;

/**
 * Windows that tile an image, group by group of channels with the channels' coefficients in locals: `body` works on the vectors
 * at pixel + offset of the large image and at out + offset of the small one.
 */
function eachTileWindow(
  f: Func,
  shape: PoolShape,
  loads: readonly Load[],
  most: number,
  around: (c: Local, lane: number, values: readonly Local[]) => { begin?: () => void; end?: () => void },
  body: (window: { pixel: Local; out: Local; offset: number; lane: number; values: readonly Local[] }) => void,
): void {
  const { pixel, width, outHeight, outWidth, window } = shape;
  const [c, at, out, row, column] = f.locals('i32', 5) as [Local, Local, Local, Local, Local];
  const group = channelGroup(pixel, most);
  const values = Array.from({ length: group }, () => f.locals('v128', loads.length));
  const bytes = 4 * pixel;
  f.for(c, 0, bytes, 16 * group, () => {
    values.forEach((locals, g) => locals.forEach((local, i) => f.set(local, loads[i]!(c, 16 * g))));
    const lanes = values.map((locals, g) => around(c, g, locals));
    lanes.forEach(({ begin }) => begin?.());
    f.set(at, c);
    f.set(out, c);
    f.for(row, 0, outHeight, 1, () => {
      f.for(column, 0, outWidth, 1, () => {
        values.forEach((locals, g) => body({ pixel: at, out, offset: 16 * g, lane: g, values: locals }));
        f.inc(at, bytes * window.stride[1]);
        f.inc(out, bytes);
      });
      f.inc(at, bytes * width * (window.stride[0] - 1));
    });
    lanes.forEach(({ end }) => end?.());
  });
}

/** Byte offsets of a window's pixels from its first. */
function windowPixels({ pixel, width, window: { kernel } }: PoolShape): number[] {
  const rows = Array.from({ length: kernel[0] }, (_, i) => i);
  return rows.flatMap((i) => Array.from({ length: kernel[1] }, (_, j) => 4 * pixel * (i * width + j)));
}

function shapeOf(group: RectifiedNorm, context: KernelContext): PoolShape | undefined {
  const { activation, pool } = group;
  return pool && poolShape(context.tensor(activation.outputs.y), context.tensor(pool.outputs.y), pool.attrs);
}

/** x normalised and rectified, and pooled: batch norm's own steps for the coefficients, then one pass per image. */
export function rectifiedNorm(group: RectifiedNorm, context: KernelContext, tables: NormTables): void {
  const { norm, activation, pool, keepsRectified } = group;
  const x = context.tensor(norm.inputs.x);
  const table = norm.op === 'batchNorm' ? batchCoefficients(norm, context) : runningCoefficients(norm, context);
  tables.set(group, table);
  const shape = shapeOf(group, context);
  const targets = [
    ...(keepsRectified ? [context.tensor(activation.outputs.y)] : []),
    ...(pool ? [context.tensor(pool.outputs.y)] : []),
  ];
  const { rows, rowSize, pixel } = x.layout;
  context.step({
    kind: 'rows',
    name: pool ? 'rectifiedNorm pool' : 'rectifiedNorm',
    rows,
    unit: 'image',
    reads: [ownRows(x), whole(table)],
    writes: targets.map((target) => ownRows(target)),
    cost: streamCost(8 * x.layout.size),
    emit: ({ f, module, address }) => {
      const key = `rectifiedNorm ${rowSize} ${pixel} ${shape ? poolKey(shape) : ''} ${keepsRectified}`;
      const types = ['i32', 'i32', 'i32', 'i32'] as const;
      const core = module.core(key, types, (g) => {
        const [source, at, rectified, pooled] = g.params() as [Local, Local, Local, Local];
        const load =
          (which: number): Load =>
          (c, offset) =>
            g.load(g.i32.add(at, c), slot(x, which) + offset);
        const loads = [load(coefficient.mean), load(coefficient.scale), load(coefficient.shift)];
        const value = (from: Expr, offset: number, [mean, scale, shift]: readonly Expr[]): Expr =>
          g.madd(g.v.sub(g.load(from, offset), mean!), scale!, shift!);
        if (!shape) {
          eachElement(g, rowSize, pixel, loads, (element, offset, values) => {
            const normal = value(g.i32.add(source, element), offset, values);
            g.store(g.i32.add(rectified, element), offset, g.v.pmax(normal, g.vec(0)));
          });
          return;
        }
        const largest = g.local('v128');
        const normal = g.local('v128');
        eachTileWindow(
          g,
          shape,
          loads,
          4,
          () => ({}),
          (window) => {
            windowPixels(shape).forEach((place, i) => {
              const at = window.offset + place;
              g.set(normal, value(g.i32.add(source, window.pixel), at, window.values));
              if (keepsRectified) {
                g.store(g.i32.add(rectified, window.pixel), at, g.v.pmax(normal, g.vec(0)));
              }
              g.set(largest, i === 0 ? normal : g.v.max(largest, normal));
            });
            g.store(g.i32.add(pooled, window.out), window.offset, g.v.pmax(largest, g.vec(0)));
          },
        );
      });
      const rectified = keepsRectified ? address(context.tensor(activation.outputs.y)) : f.int(0);
      const pooled = pool ? address(context.tensor(pool.outputs.y)) : f.int(0);
      f.run(f.call(core, address(x), table.address, rectified, pooled));
    },
  });
}

/** The gradient that reaches the output of batch norm, vector by vector, from what comes to the group's end. */
class Upstream {
  readonly shape: PoolShape | undefined;
  readonly #f: Func;
  readonly #normal: Local;
  readonly #largest: Local;
  readonly #rest: Local;
  readonly #below: Local;
  readonly #centred: readonly Local[];

  constructor(f: Func, shape: PoolShape | undefined) {
    this.shape = shape;
    this.#f = f;
    [this.#normal, this.#largest, this.#rest, this.#below] = f.locals('v128', 4) as [Local, Local, Local, Local];
    this.#centred = f.locals('v128', shape ? windowPixels(shape).length : 1);
  }

  /**
   * Calls `visit` for every vector of x with its place, x - mean and the gradient behind ReLU (and pool). The coefficients begin
   * with mean, scale and beta.
   */
  each(
    { rowSize, pixel }: Placed['layout'],
    [source, gradient]: readonly [Local, Local],
    loads: readonly Load[],
    most: number,
    around: (c: Local, lane: number, values: readonly Local[]) => { begin?: () => void; end?: () => void },
    visit: (of: {
      element: Expr;
      offset: number;
      lane: number;
      values: readonly Local[];
      centred: Local;
      dy: Expr;
    }) => void,
  ): void {
    const f = this.#f;
    const { shape } = this;
    // Without a pool every vector is a window of its own.
    const tiles: PoolShape = shape ?? {
      ...{
        rows: 1,
        channels: pixel,
        pixel,
        height: 1,
        width: rowSize / pixel,
        outHeight: 1,
        outWidth: rowSize / pixel,
      },
      window: { kernel: [1, 1], stride: [1, 1], pads: [0, 0, 0, 0] },
    };
    const places = windowPixels(tiles);
    eachTileWindow(f, tiles, loads, most, around, ({ pixel: at, out, offset, lane, values }) => {
      const [mean, scale, beta] = values as readonly [Local, Local, Local];
      const element = f.i32.add(source, at);
      places.forEach((place, i) => {
        f.set(this.#centred[i]!, f.v.sub(f.load(element, offset + place), mean));
        f.set(this.#normal, f.madd(this.#centred[i]!, scale, beta));
        if (i === 0) f.set(this.#largest, this.#normal);
        else f.set(this.#largest, f.v.max(this.#largest, this.#normal));
      });
      f.set(this.#rest, f.v.andnot(f.load(f.i32.add(gradient, out), offset), f.v.le(this.#largest, f.vec(0))));
      places.forEach((place, i) => {
        const centred = this.#centred[i]!;
        const common = { element: at, offset: offset + place, lane, values, centred };
        if (places.length === 1) {
          visit({ ...common, dy: this.#rest });
          return;
        }
        // The first pixel that is not below the maximum takes the gradient.
        f.set(this.#below, f.v.lt(f.madd(centred, scale, beta), this.#largest));
        f.set(this.#normal, f.v.andnot(this.#rest, this.#below));
        visit({ ...common, dy: this.#normal });
        if (i < places.length - 1) f.set(this.#rest, f.v.and(this.#rest, this.#below));
      });
    });
  }
}

function products(
  context: KernelContext,
  x: Placed,
  dy: Placed,
  table: Buffer,
  shape: PoolShape | undefined,
): Products {
  const { rows, rowSize, pixel } = x.layout;
  const vector = 4 * pixel;
  const parts = context.workspace(`${x.spec.name} products`, rows * 2 * vector);
  context.step({
    kind: 'rows',
    name: 'rectifiedNormGrad products',
    rows,
    unit: 'image',
    reads: [ownRows(x), ownRows(dy), whole(table)],
    writes: [byRow(parts)],
    cost: streamCost(16 * x.layout.size),
    emit: ({ f, module, from, address }) => {
      const key = `rectifiedNorm products ${rowSize} ${pixel} ${shape ? poolKey(shape) : ''}`;
      const core = module.core(key, ['i32', 'i32', 'i32', 'i32'], (g) => {
        const [source, gradient, at, part] = g.params() as [Local, Local, Local, Local];
        const load =
          (which: number): Load =>
          (c, offset) =>
            g.load(g.i32.add(at, c), slot(x, which) + offset);
        const loads = [load(coefficient.mean), load(coefficient.scale), load(coefficient.shift)];
        const most = shape ? 1 : 2;
        const sums = Array.from({ length: most }, () => g.locals('v128', 2));
        new Upstream(g, shape).each(
          x.layout,
          [source, gradient],
          loads,
          most,
          (c, lane) => ({
            begin: () => sums[lane]!.forEach((sum) => g.set(sum, g.vec(0))),
            end: () => sums[lane]!.forEach((sum, i) => g.store(g.i32.add(part, c), i * vector + 16 * lane, sum)),
          }),
          ({ lane, centred, dy: value }) => {
            const [sum, product] = sums[lane] as [Local, Local];
            g.set(sum, g.v.add(sum, value));
            g.set(product, g.madd(value, centred, product));
          },
        );
      });
      const part = f.i32.add(f.i32.mul(from, 2 * vector), parts.address);
      f.run(f.call(core, address(x), address(dy), table.address, part));
    },
  });
  return productsIn(parts, rows, vector);
}

/** dx, dgamma and dbeta of the whole group from the gradient of its output. */
export function rectifiedNormGrad(group: RectifiedNormGrad, context: KernelContext, tables: NormTables): void {
  const { forward, pool, activation, norm } = group;
  const tensors = gradTensors(norm, context);
  const { x, dx } = tensors;
  const dy = context.tensor(pool ? pool.inputs.dy : activation.inputs.dy);
  const shape = pool && shapeOf(forward, context);
  const values = tables.get(forward)!;
  const sums = products(context, x, dy, values, shape);
  const table = gradientCoefficients(context, tensors, sums, norm.attrs.eps, true);
  const { rows, rowSize, pixel } = x.layout;
  context.step({
    kind: 'rows',
    name: 'rectifiedNormGrad apply',
    rows,
    unit: 'image',
    reads: [ownRows(x), ownRows(dy), whole(table), whole(values)],
    writes: [ownRows(dx)],
    cost: streamCost(16 * x.layout.size),
    emit: ({ f, module, address }) => {
      const key = `rectifiedNorm gradient ${rowSize} ${pixel} ${shape ? poolKey(shape) : ''}`;
      const core = module.core(key, ['i32', 'i32', 'i32', 'i32', 'i32'], (g) => {
        const [source, gradient, target, at, valuesAt] = g.params() as [Local, Local, Local, Local, Local];
        const result = g.local('v128');
        const from =
          (base: Local, which: number): Load =>
          (c, offset) =>
            g.load(g.i32.add(base, c), slot(x, which) + offset);
        const loads = [
          from(valuesAt, coefficient.mean),
          from(valuesAt, coefficient.scale),
          from(valuesAt, coefficient.shift),
          from(at, coefficient.shift),
          from(at, coefficient.slope),
        ];
        new Upstream(g, shape).each(
          x.layout,
          [source, gradient],
          loads,
          shape ? 1 : 2,
          () => ({}),
          ({ element, offset, values: [, scale, , upward, tilt], centred, dy: value }) => {
            g.set(result, g.nmadd(centred, tilt!, g.v.mul(g.v.sub(value, upward!), scale!)));
            g.store(g.i32.add(target, element), offset, flush(g, result));
          },
        );
      });
      f.run(f.call(core, address(x), address(dy), address(dx), table.address, values.address));
    },
  });
}
