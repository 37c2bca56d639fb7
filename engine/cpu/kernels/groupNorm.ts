import type { Expr, Func, Local } from '../asm/func.ts';
import { byRow, ownRows, whole, wholeIf, type Buffer, type KernelContext, type Placed } from '../step.ts';
import { eachElement } from './batchNorm.ts';
import { channelGroup } from './batchStatistics.ts';
import { streamCost, type CpuKernel } from './kernel.ts';
import { flush } from './math.ts';

/**
 * Statistics of one image at a time. Sums over the pixels run in vectors, a channel per lane, and are left in the thread's
 * scratch memory; the channels of a group are then added up one by one in float64, which keeps padding out.
 */
interface NormShape {
  readonly groups: number;
  readonly channels: number;
  /** Floats of an image, and from one pixel to the next. */
  readonly rowSize: number;
  readonly pixel: number;
  readonly eps: number;
  /** gamma and beta stand by channel (group norm), or by value in the layout of an image (layer norm). */
  readonly affine: 'channel' | 'value';
  readonly hasGamma: boolean;
  readonly hasBeta: boolean;
}

interface NormAttrs {
  readonly groups: number;
  readonly eps: number;
  readonly affine: NormShape['affine'];
}

function normShape(x: Placed, attrs: NormAttrs, gamma: Placed | undefined, beta: Placed | undefined): NormShape {
  const { rowSize, pixel } = x.layout;
  const has = { hasGamma: gamma !== undefined, hasBeta: beta !== undefined };
  return { ...attrs, channels: x.shape[1]!, rowSize, pixel, ...has };
}

const normKey = (shape: NormShape): string => Object.values(shape).join(' ');

/** Values that are normalised together. */
const countOf = ({ channels, groups, rowSize, pixel }: NormShape): number => (channels / groups) * (rowSize / pixel);

/** Tables of one float per channel in scratch memory. */
const table = { sums: 0, products: 1, means: 2, scales: 3, offsets: 4, tilts: 5, count: 6 } as const;

function needTables(context: KernelContext, { pixel }: NormShape): void {
  context.needScratch(table.count * 4 * pixel + 16);
}

/** Sums over the pixels of what `add` adds at each, per channel, left in the first tables. */
function sumPixels(
  f: Func,
  { rowSize, pixel }: NormShape,
  scratch: Local,
  tables: number,
  add: (sums: readonly Local[], element: Local, offset: number, c: Local) => void,
): void {
  const vector = 4 * pixel;
  const [c, element] = f.locals('i32', 2) as [Local, Local];
  const group = channelGroup(pixel, 4);
  const lanes = Array.from({ length: group }, () => f.locals('v128', tables));
  f.for(c, 0, vector, 16 * group, () => {
    for (const sum of lanes.flat()) f.set(sum, f.vec(0));
    f.for(element, c, f.i32.add(c, 4 * rowSize), vector, () => {
      lanes.forEach((sums, g) => add(sums, element, 16 * g, c));
    });
    lanes.forEach((sums, g) => sums.forEach((sum, i) => f.store(f.i32.add(scratch, c), i * vector + 16 * g, sum)));
  });
}

/** `body` for every group: its byte offset among the statistics, and a loop over the byte offsets of its channels. */
function eachGroup(
  f: Func,
  { channels, groups }: NormShape,
  body: (group: Local, eachChannel: (visit: (c: Local) => void) => void) => void,
): void {
  const [group, c] = f.locals('i32', 2) as [Local, Local];
  const perGroup = channels / groups;
  f.for(group, 0, 4 * groups, 4, () => {
    body(group, (visit) => {
      const first = f.i32.mul(group, perGroup);
      f.for(c, first, f.i32.add(first, 4 * perGroup), 4, () => visit(c));
    });
  });
}

/** 1 / sqrt(variance + eps) of the group. */
function inverseDeviation(f: Func, variance: Expr, eps: number): Expr {
  return f.f32.div(f.float(1), f.f32.sqrt(f.f32.add(variance, f.float(eps))));
}

function emitForward(f: Func, shape: NormShape): void {
  const [source, target, mean, variance, gamma, beta, scratch] = f.params() as [
    ...[Local, Local, Local, Local, Local, Local, Local],
  ];
  const { rowSize, pixel, affine, hasGamma, hasBeta } = shape;
  const vector = 4 * pixel;
  const total = f.local('f64');
  const value = f.local('f32');
  const centred = f.local('v128');
  /** Sets `value` to the mean over each group of what the table of sums holds. */
  const eachMean = (into: Local, spread: (c: Local) => void): void =>
    eachGroup(f, shape, (group, eachChannel) => {
      f.set(total, f.double(0));
      eachChannel((c) => f.set(total, f.f64.add(total, f.f64.promote(f.loadF32(f.i32.add(scratch, c))))));
      f.set(value, f.f32.demote(f.f64.div(total, f.double(countOf(shape)))));
      f.storeF32(f.i32.add(into, group), 0, value);
      if (into === variance) f.set(value, inverseDeviation(f, value, shape.eps));
      eachChannel(spread);
    });
  sumPixels(f, shape, scratch, 1, ([sum], element, offset) => {
    f.set(sum!, f.v.add(sum!, f.load(f.i32.add(source, element), offset)));
  });
  eachMean(mean, (c) => f.storeF32(f.i32.add(scratch, c), table.means * vector, value));
  sumPixels(f, shape, scratch, 1, ([sum], element, offset, c) => {
    const center = f.load(f.i32.add(scratch, c), table.means * vector + offset);
    f.set(centred, f.v.sub(f.load(f.i32.add(source, element), offset), center));
    f.set(sum!, f.madd(centred, centred, sum!));
  });
  const perChannel = affine === 'channel';
  eachMean(variance, (c) => {
    const scale = hasGamma && perChannel ? f.f32.mul(value, f.loadF32(f.i32.add(gamma, c))) : value;
    f.storeF32(f.i32.add(scratch, c), table.scales * vector, scale);
  });
  const load = (which: number) => (c: Expr, offset: number) => f.load(f.i32.add(scratch, c), which * vector + offset);
  const shifts = hasBeta && perChannel ? [(c: Expr, offset: number) => f.load(f.i32.add(beta, c), offset)] : [];
  eachElement(f, rowSize, pixel, [load(table.means), load(table.scales), ...shifts], (element, offset, values) => {
    const [center, scale, shift] = values as readonly [Expr, Expr, Expr | undefined];
    f.set(centred, f.v.mul(f.v.sub(f.load(f.i32.add(source, element), offset), center), scale));
    const at = (of: Local): Expr => f.load(f.i32.add(of, element), offset);
    if (hasGamma && !perChannel) f.set(centred, f.v.mul(centred, at(gamma)));
    if (shift) f.set(centred, f.v.add(centred, shift));
    if (hasBeta && !perChannel) f.set(centred, f.v.add(centred, at(beta)));
    f.store(f.i32.add(target, element), offset, centred);
  });
}

const addressOf = (f: Func, of: Placed | undefined): Expr => f.int(of?.buffer.address ?? 0);

interface ForwardTensors {
  readonly x: Placed;
  readonly gamma: Placed | undefined;
  readonly beta: Placed | undefined;
  readonly y: Placed;
  readonly mean: Placed;
  readonly variance: Placed;
}

export function normalizeRows(context: KernelContext, name: string, tensors: ForwardTensors, attrs: NormAttrs): void {
  const { x, gamma, beta, y, mean, variance } = tensors;
  const shape = normShape(x, attrs, gamma, beta);
  needTables(context, shape);
  context.step({
    kind: 'rows',
    name,
    rows: x.layout.rows,
    unit: 'image',
    reads: [ownRows(x), ...wholeIf(gamma), ...wholeIf(beta)],
    writes: [ownRows(y), ownRows(mean), ownRows(variance)],
    cost: streamCost(20 * x.layout.size) + 3 * x.layout.rows * shape.channels,
    emit: ({ f, module, address, scratch }) => {
      const types = Array.from({ length: 7 }, () => 'i32' as const);
      const core = module.core(`norm ${normKey(shape)}`, types, (g) => emitForward(g, shape));
      const affine = [addressOf(f, gamma), addressOf(f, beta)];
      f.run(f.call(core, address(x), address(y), address(mean), address(variance), ...affine, scratch));
    },
  });
}

/**
 * dx, and what the gradients of gamma and beta are made of, at `parts`: by channel the image's own two sums, by value only
 * mean and 1 / deviation.
 */
function emitBackward(f: Func, shape: NormShape): void {
  const [source, upstream, target, mean, variance, gamma, parts, scratch] = f.params() as [
    ...[Local, Local, Local, Local, Local, Local, Local, Local],
  ];
  const { rowSize, pixel, affine, hasGamma } = shape;
  const vector = 4 * pixel;
  const perChannel = affine === 'channel';
  const perValue = hasGamma && !perChannel;
  const [total, product] = f.locals('f64', 2) as [Local, Local];
  const [inverse, offsetOf, tilt, own] = f.locals('f32', 4) as [Local, Local, Local, Local];
  const [g, centred] = f.locals('v128', 2) as [Local, Local];
  const entry = (which: number, c: Local): Expr => f.loadF32(f.i32.add(scratch, c), which * vector);
  const enter = (which: number, c: Local, value: Expr): void =>
    f.storeF32(f.i32.add(scratch, c), which * vector, value);
  const scaled = (element: Local, offset: number): Expr => {
    const dy = f.load(f.i32.add(upstream, element), offset);
    return perValue ? f.v.mul(dy, f.load(f.i32.add(gamma, element), offset)) : dy;
  };
  eachGroup(f, shape, (group, eachChannel) => {
    f.set(own, f.loadF32(f.i32.add(mean, group)));
    eachChannel((c) => enter(table.means, c, own));
  });
  sumPixels(f, shape, scratch, 2, ([sum, products], element, offset, c) => {
    f.set(g, scaled(element, offset));
    f.set(sum!, f.v.add(sum!, g));
    const center = f.load(f.i32.add(scratch, c), table.means * vector + offset);
    f.set(products!, f.madd(g, f.v.sub(f.load(f.i32.add(source, element), offset), center), products!));
  });
  eachGroup(f, shape, (group, eachChannel) => {
    f.set(inverse, inverseDeviation(f, f.loadF32(f.i32.add(variance, group)), shape.eps));
    f.set(total, f.double(0));
    f.set(product, f.double(0));
    const weight = (c: Local): Expr =>
      hasGamma && perChannel ? f.f64.promote(f.loadF32(f.i32.add(gamma, c))) : f.double(1);
    eachChannel((c) => {
      f.set(total, f.f64.add(total, f.f64.mul(weight(c), f.f64.promote(entry(table.sums, c)))));
      f.set(product, f.f64.add(product, f.f64.mul(weight(c), f.f64.promote(entry(table.products, c)))));
    });
    const count = f.double(countOf(shape));
    f.set(offsetOf, f.f32.mul(inverse, f.f32.demote(f.f64.div(total, count))));
    const cube = f.f32.mul(f.f32.mul(inverse, inverse), inverse);
    f.set(tilt, f.f32.mul(cube, f.f32.demote(f.f64.div(product, count))));
    eachChannel((c) => {
      if (perChannel) {
        f.storeF32(f.i32.add(parts, c), 0, entry(table.sums, c));
        f.storeF32(f.i32.add(parts, c), vector, f.f32.mul(entry(table.products, c), inverse));
      }
      const scale = hasGamma && perChannel ? f.f32.mul(inverse, f.loadF32(f.i32.add(gamma, c))) : inverse;
      enter(table.scales, c, scale);
      enter(table.offsets, c, offsetOf);
      enter(table.tilts, c, tilt);
    });
    if (perChannel) return;
    f.storeF32(parts, 0, own);
    f.storeF32(parts, 4, inverse);
  });
  const load = (which: number) => (c: Expr, offset: number) => f.load(f.i32.add(scratch, c), which * vector + offset);
  const loads = [load(table.means), load(table.scales), load(table.offsets), load(table.tilts)];
  eachElement(f, rowSize, pixel, loads, (element, offset, values) => {
    const [center, scale, shift, slope] = values as readonly [Expr, Expr, Expr, Expr];
    f.set(centred, f.v.sub(f.load(f.i32.add(source, element), offset), center));
    f.set(g, f.v.sub(f.v.mul(scaled(element, offset), scale), shift));
    f.set(g, f.nmadd(centred, slope, g));
    f.store(f.i32.add(target, element), offset, flush(f, g));
  });
}

export interface BackwardTensors {
  readonly x: Placed;
  readonly dy: Placed;
  readonly gamma: Placed | undefined;
  readonly mean: Placed;
  readonly variance: Placed;
  readonly dx: Placed;
}

/** The step that writes dx. Returns the rows' parts, `stride` bytes each (see emitBackward). */
export function normalizeRowsGrad(
  context: KernelContext,
  name: string,
  tensors: BackwardTensors,
  attrs: NormAttrs,
): { readonly parts: Buffer; readonly stride: number } {
  const { x, dy, gamma, mean, variance, dx } = tensors;
  const shape = normShape(x, attrs, gamma, undefined);
  const stride = attrs.affine === 'channel' ? 8 * shape.pixel : 16;
  const parts = context.workspace(`${x.spec.name} norm parts`, x.layout.rows * stride);
  needTables(context, shape);
  context.step({
    kind: 'rows',
    name,
    rows: x.layout.rows,
    unit: 'image',
    reads: [ownRows(x), ownRows(dy), ownRows(mean), ownRows(variance), ...wholeIf(gamma)],
    writes: [ownRows(dx), byRow(parts)],
    cost: streamCost(24 * x.layout.size) + 6 * x.layout.rows * shape.channels,
    emit: ({ f, module, from, address, scratch }) => {
      const types = Array.from({ length: 8 }, () => 'i32' as const);
      const core = module.core(`normGrad ${normKey(shape)}`, types, (g) => emitBackward(g, shape));
      const part = f.i32.add(f.i32.mul(from, stride), parts.address);
      const tensorsOfRow = [x, dy, dx, mean, variance].map((tensor) => address(tensor));
      f.run(f.call(core, ...tensorsOfRow, addressOf(f, gamma), part, scratch));
    },
  });
  return { parts, stride };
}

export const groupNorm: CpuKernel<'groupNorm'> = ({ attrs, inputs, outputs }, context) => {
  normalizeRows(
    context,
    'groupNorm',
    {
      x: context.tensor(inputs.x),
      gamma: context.optional(inputs.gamma),
      beta: context.optional(inputs.beta),
      y: context.tensor(outputs.y),
      mean: context.tensor(outputs.mean),
      variance: context.tensor(outputs.variance),
    },
    { ...attrs, affine: 'channel' },
  );
};

/** dgamma and dbeta are the images' own sums, added up in order. */
export const groupNormGrad: CpuKernel<'groupNormGrad'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const { parts, stride } = normalizeRowsGrad(
    context,
    'groupNormGrad',
    {
      x,
      dy: context.tensor(inputs.dy),
      gamma: context.optional(inputs.gamma),
      mean: context.tensor(inputs.mean),
      variance: context.tensor(inputs.variance),
      dx: context.tensor(outputs.dx),
    },
    { ...attrs, affine: 'channel' },
  );
  const sums = [context.optional(outputs.dbeta), context.optional(outputs.dgamma)];
  if (sums.every((sum) => sum === undefined)) return;
  const { rows, pixel } = x.layout;
  context.step({
    kind: 'tasks',
    name: 'groupNormGrad combine',
    count: 1,
    reads: [whole(parts)],
    writes: sums.flatMap((sum) => wholeIf(sum)),
    cost: streamCost(parts.bytes) + 100,
    emit: ({ f }) => {
      const [c, at] = f.locals('i32', 2) as [Local, Local];
      const sum = f.local('v128');
      sums.forEach((target, which) => {
        if (target === undefined) return;
        f.for(c, 0, 4 * pixel, 16, () => {
          f.set(sum, f.vec(0));
          f.for(at, c, f.i32.add(c, rows * stride), stride, () =>
            f.set(sum, f.v.add(sum, f.load(at, parts.address + which * 4 * pixel))),
          );
          f.store(c, target.buffer.address, sum);
        });
      });
    },
  });
};
