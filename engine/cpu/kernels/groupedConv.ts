import type { Expr, Func, Local } from '../asm/func.ts';
import { pad4 } from '../layout.ts';
import type { OpInstanceOf } from '../../plan/plan.ts';
import {
  byRow,
  ownRows,
  emitSliceStart,
  sliceCount,
  whole,
  wholeIf,
  type KernelContext,
  type Placed,
} from '../step.ts';
import { convFlops, convShape, type ConvShape } from './convShape.ts';
import { scalarCost } from './kernel.ts';
import { sumSlices } from './sumSlices.ts';

/**
 * Convolutions with groups: a plain loop with bounds tests. Depthwise ones (one channel in and out per group) work on
 * four channels at a time, all others on one.
 */
interface Lanes {
  /** Channels at a time. */
  readonly width: number;
  zero(f: Func): Expr;
  load(f: Func, address: Expr, offset: number): Expr;
  store(f: Func, address: Expr, offset: number, value: Expr): void;
  /** a * b + c */
  madd(f: Func, a: Expr, b: Expr, c: Expr): Expr;
  readonly type: 'f32' | 'v128';
}

const vectorLanes: Lanes = {
  width: 4,
  type: 'v128',
  zero: (f) => f.vec(0),
  load: (f, address, offset) => f.load(address, offset),
  store: (f, address, offset, value) => f.store(address, offset, value),
  madd: (f, a, b, c) => f.madd(a, b, c),
};
const scalarLanes: Lanes = {
  width: 1,
  type: 'f32',
  zero: (f) => f.float(0),
  load: (f, address, offset) => f.loadF32(address, offset),
  store: (f, address, offset, value) => f.storeF32(address, offset, value),
  madd: (f, a, b, c) => f.f32.add(f.f32.mul(a, b), c),
};

interface Grouped {
  readonly shape: ConvShape;
  readonly lanes: Lanes;
  readonly inPerGroup: number;
  readonly outPerGroup: number;
  /** Bytes of a weight row (one tap, one input channel of the group). */
  readonly weightRow: number;
}

function grouped(shape: ConvShape): Grouped {
  const { groups } = shape.attrs;
  const inPerGroup = shape.channels / groups;
  const outPerGroup = shape.outChannels / groups;
  const lanes = inPerGroup === 1 && outPerGroup === 1 ? vectorLanes : scalarLanes;
  return { shape, lanes, inPerGroup, outPerGroup, weightRow: 4 * pad4(shape.outChannels) };
}

/** floor(value / by), or the value itself for one. */
function over(f: Func, value: Expr, by: number): Expr {
  return by === 1 ? value : f.i32.divU(value, by);
}

/** base + y * row + x * pixel */
function pixelAt(f: Func, base: Expr, y: Local, x: Local, width: number, of: Placed): Expr {
  const pixel = 4 * of.layout.pixel;
  return f.i32.add(base, f.i32.add(f.i32.mul(y, width * pixel), f.i32.mul(x, pixel)));
}

function cost(shape: ConvShape, lanes: Lanes): number {
  return scalarCost(convFlops(shape) / 2 / lanes.width);
}

/** Runs `body` for every tap of the window; `set` computes where the tap looks, `bounds` whether that exists. */
function eachTap(
  f: Func,
  shape: ConvShape,
  kh: Local,
  kw: Local,
  row: () => Expr,
  column: () => Expr,
  body: () => void,
): void {
  f.for(kh, 0, shape.kernelHeight, 1, () => {
    f.if(row(), () => f.for(kw, 0, shape.kernelWidth, 1, () => f.if(column(), body)));
  });
}

/** Sets `at` to the input coordinate out * stride + tap * dilation - pad and tests it. */
function forwardTap(f: Func, at: Local, out: Local, tap: Local, axis: 0 | 1, shape: ConvShape): Expr {
  const { stride, dilation, pads } = shape.attrs;
  f.set(at, f.i32.sub(f.i32.add(f.i32.mul(out, stride[axis]), f.i32.mul(tap, dilation[axis])), pads[axis]));
  return f.i32.ltU(at, axis === 0 ? shape.height : shape.width);
}

/** Sets `at` to the output coordinate (input + pad - tap * dilation) / stride and tests that it is one. */
function backwardTap(f: Func, at: Local, input: Local, tap: Local, axis: 0 | 1, shape: ConvShape): Expr {
  const { stride, dilation, pads } = shape.attrs;
  const extent = axis === 0 ? shape.outHeight : shape.outWidth;
  f.set(at, f.i32.sub(f.i32.add(input, pads[axis]), f.i32.mul(tap, dilation[axis])));
  if (stride[axis] === 1) return f.i32.ltU(at, extent);
  const whole = f.i32.and(f.i32.geS(at, 0), f.i32.eqz(f.i32.remU(at, stride[axis])));
  const found = f.local('i32');
  f.set(found, whole);
  f.set(at, f.i32.divU(at, stride[axis]));
  return f.i32.and(found, f.i32.ltU(at, extent));
}

export function groupedConv({ inputs, outputs, attrs }: OpInstanceOf<'conv2d'>, context: KernelContext): void {
  const x = context.tensor(inputs.x);
  const weight = context.tensor(inputs.weight);
  const bias = context.optional(inputs.bias);
  const y = context.tensor(outputs.y);
  const { shape, lanes, inPerGroup, outPerGroup, weightRow } = grouped(convShape(x, weight, y, attrs));
  context.step({
    kind: 'rows',
    name: 'groupedConv',
    rows: shape.rows,
    unit: 'image',
    reads: [ownRows(x), whole(weight), ...wholeIf(bias)],
    writes: [ownRows(y)],
    cost: cost(shape, lanes),
    emit: ({ f, address }) => {
      const [oh, ow, o, kh, kw, ih, iw, ci, a, w] = f.locals('i32', 10) as [
        ...[Local, Local, Local, Local, Local, Local, Local, Local, Local, Local],
      ];
      const sum = f.local(lanes.type);
      f.for(oh, 0, shape.outHeight, 1, () =>
        f.for(ow, 0, shape.outWidth, 1, () =>
          f.for(o, 0, shape.outChannels, lanes.width, () => {
            const first = lanes.width === 4 ? o : f.i32.mul(over(f, o, outPerGroup), inPerGroup);
            const at = f.i32.shl(o, 2);
            f.set(sum, bias ? lanes.load(f, at, bias.buffer.address) : lanes.zero(f));
            const row = (): Expr => forwardTap(f, ih, oh, kh, 0, shape);
            const column = (): Expr => forwardTap(f, iw, ow, kw, 1, shape);
            eachTap(f, shape, kh, kw, row, column, () => {
              f.set(a, f.i32.add(pixelAt(f, address(x), ih, iw, shape.width, x), f.i32.shl(first, 2)));
              const tap = f.i32.add(f.i32.mul(kh, shape.kernelWidth), kw);
              f.set(w, f.i32.add(f.i32.mul(tap, inPerGroup * weightRow), at));
              f.for(ci, 0, inPerGroup, 1, () => {
                f.set(sum, lanes.madd(f, lanes.load(f, a, 0), lanes.load(f, w, weight.buffer.address), sum));
                f.inc(a, 4);
                f.inc(w, weightRow);
              });
            });
            const target = f.i32.add(pixelAt(f, address(y), oh, ow, shape.outWidth, y), at);
            lanes.store(f, target, 0, sum);
          }),
        ),
      );
    },
  });
}

export function groupedConvGradInput(instance: OpInstanceOf<'conv2dGradInput'>, context: KernelContext): void {
  const dy = context.tensor(instance.inputs.dy);
  const weight = context.tensor(instance.inputs.weight);
  const dx = context.tensor(instance.outputs.dx);
  const { shape, lanes, inPerGroup, outPerGroup, weightRow } = grouped(convShape(dx, weight, dy, instance.attrs));
  context.step({
    kind: 'rows',
    name: 'groupedConvGradInput',
    rows: shape.rows,
    unit: 'image',
    reads: [ownRows(dy), whole(weight)],
    writes: [ownRows(dx)],
    cost: cost(shape, lanes),
    emit: ({ f, address }) => {
      const [ih, iw, c, kh, kw, oh, ow, oo, a, w] = f.locals('i32', 10) as [
        ...[Local, Local, Local, Local, Local, Local, Local, Local, Local, Local],
      ];
      const sum = f.local(lanes.type);
      f.for(ih, 0, shape.height, 1, () =>
        f.for(iw, 0, shape.width, 1, () =>
          f.for(c, 0, shape.channels, lanes.width, () => {
            const isVector = lanes.width === 4;
            const firstOut = isVector ? c : f.i32.mul(over(f, c, inPerGroup), outPerGroup);
            const inGroup = isVector ? f.int(0) : f.i32.remU(c, inPerGroup);
            f.set(sum, lanes.zero(f));
            const row = (): Expr => backwardTap(f, oh, ih, kh, 0, shape);
            const column = (): Expr => backwardTap(f, ow, iw, kw, 1, shape);
            eachTap(f, shape, kh, kw, row, column, () => {
              const out = f.i32.shl(firstOut, 2);
              f.set(a, f.i32.add(pixelAt(f, address(dy), oh, ow, shape.outWidth, dy), out));
              const tap = f.i32.add(f.i32.mul(kh, shape.kernelWidth), kw);
              const line = f.i32.add(f.i32.mul(tap, inPerGroup), inGroup);
              f.set(w, f.i32.add(f.i32.mul(line, weightRow), out));
              f.for(oo, 0, outPerGroup, 1, () => {
                f.set(sum, lanes.madd(f, lanes.load(f, a, 0), lanes.load(f, w, weight.buffer.address), sum));
                f.inc(a, 4);
                f.inc(w, 4);
              });
            });
            const target = f.i32.add(pixelAt(f, address(dx), ih, iw, shape.width, dx), f.i32.shl(c, 2));
            lanes.store(f, target, 0, sum);
          }),
        ),
      );
    },
  });
}

export function groupedConvGradWeight(instance: OpInstanceOf<'conv2dGradWeight'>, context: KernelContext): void {
  const x = context.tensor(instance.inputs.x);
  const dy = context.tensor(instance.inputs.dy);
  const dweight = context.tensor(instance.outputs.dweight);
  const { shape, lanes, inPerGroup, outPerGroup, weightRow } = grouped(convShape(x, dweight, dy, instance.attrs));
  const slices = sliceCount(shape.rows);
  const bytes = 4 * dweight.layout.size;
  const parts = context.workspace(`${dweight.spec.name} slices`, slices * bytes);
  context.step({
    kind: 'rows',
    name: 'groupedConvGradWeight',
    rows: shape.rows,
    unit: 'image',
    reads: [ownRows(x), ownRows(dy)],
    writes: [byRow(parts)],
    cost: cost(shape, lanes),
    emit: ({ f, from, slice, address }) => {
      const [oh, ow, o, kh, kw, ih, iw, ci, part, w] = f.locals('i32', 10) as [
        ...[Local, Local, Local, Local, Local, Local, Local, Local, Local, Local],
      ];
      const sum = f.local(lanes.type);
      f.set(part, f.i32.add(f.i32.mul(slice, bytes), parts.address));
      f.if(f.i32.eq(from, emitSliceStart(f, shape.rows, slice)), () => f.zero(part, bytes));
      f.set(w, part);
      f.for(kh, 0, shape.kernelHeight, 1, () =>
        f.for(kw, 0, shape.kernelWidth, 1, () =>
          f.for(ci, 0, inPerGroup, 1, () => {
            f.for(o, 0, shape.outChannels, lanes.width, () => {
              const channel = lanes.width === 4 ? o : f.i32.add(f.i32.mul(over(f, o, outPerGroup), inPerGroup), ci);
              const at = f.i32.add(w, f.i32.shl(o, 2));
              f.set(sum, lanes.load(f, at, 0));
              f.for(oh, 0, shape.outHeight, 1, () =>
                f.if(forwardTap(f, ih, oh, kh, 0, shape), () =>
                  f.for(ow, 0, shape.outWidth, 1, () =>
                    f.if(forwardTap(f, iw, ow, kw, 1, shape), () => {
                      const source = pixelAt(f, address(x), ih, iw, shape.width, x);
                      const gradient = pixelAt(f, address(dy), oh, ow, shape.outWidth, dy);
                      const a = lanes.load(f, f.i32.add(source, f.i32.shl(channel, 2)), 0);
                      const b = lanes.load(f, f.i32.add(gradient, f.i32.shl(o, 2)), 0);
                      f.set(sum, lanes.madd(f, a, b, sum));
                    }),
                  ),
                ),
              );
              lanes.store(f, at, 0, sum);
            });
            f.inc(w, weightRow);
          }),
        ),
      );
    },
  });
  sumSlices(context, parts, slices, dweight);
}
