import { statisticSlot } from '../../ops/op.ts';
import type { Expr, Func, Local } from '../asm/func.ts';
import { whole, type Buffer, type KernelContext, type Placed, type Step } from '../step.ts';
import { groupsOf, type Groups } from './groups.ts';
import { scalarCost, streamCost, type CpuKernel } from './kernel.ts';
import {
  countBytes,
  countCore,
  insideCore,
  keyBits,
  momentBytes,
  momentsCore,
  refineCore,
  tableBytes,
  targetBytes,
  taskCountBytes,
  type Counting,
} from './summariseCores.ts';

/** Values per task; also how the sums are cut, so the number of threads does not change them. */
const block = 32_768;

/**
 * Three passes over the values. The first takes the moments and counts the upper bits of sortable keys, the second bits of the
 * middle within the stretch where each percentile must lie, and the histogram, the third the last bits: a radix search, which
 * ends at the very value (Knuth, The art of computer programming 3, 5.2.5).
 */
export const summarise: CpuKernel<'summarise'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const statistics = context.tensor(outputs.statistics);
  const percentiles = context.optional(outputs.percentiles);
  const histogram = context.optional(outputs.histogram);
  const shape = groupsOf(x);
  const cut = cutOf(shape);
  const n = x.shape.reduce((product, extent) => product * extent, 1);
  const wanted = percentiles === undefined ? [] : attrs.percentiles;
  const ranks = wanted.map((p) => Math.floor(((n - 1) * p) / 100));
  const workspace = (name: string, bytes: number): Buffer =>
    context.workspace(`${x.spec.name} ${name}`, Math.max(16, bytes));
  const each = (name: string, cost: number, extra: Pick<Step, 'reads' | 'writes'>, emit: EmitPart): void => {
    context.step({
      kind: 'tasks',
      name: `summarise ${name}`,
      count: cut.tasks,
      reads: [whole(x), ...extra.reads],
      writes: extra.writes,
      cost: scalarCost(cost * n),
      emit: ({ f, module, task }) => {
        const [source, groups] = partOf(f, task, x, shape, cut.perTask);
        emit(f, module, task, source, groups);
      },
    });
  };

  const moments = workspace('moments', momentBytes * cut.tasks);
  const upper = workspace('upper', ranks.length === 0 ? 0 : tableBytes * cut.tasks);
  /** Of each percentile: the upper bits of its key as far as they are known, and its place among the values with those bits. */
  const targets = workspace('targets', targetBytes * ranks.length);
  each('moments', 3, { reads: [], writes: [whole(moments), whole(upper)] }, (f, module, task, source, groups) => {
    const table = f.i32.add(f.i32.mul(task, ranks.length === 0 ? 0 : tableBytes), upper.address);
    const core = momentsCore(module, shape, ranks.length > 0);
    const target = f.i32.add(f.i32.mul(task, momentBytes), moments.address);
    f.run(f.call(core, source, groups, f.int(x.buffer.address), target, table));
  });
  once(context, 'statistics', [moments, upper], [statistics.buffer, targets], 2048 * (1 + ranks.length), (f) => {
    const settings = { n, first: x.buffer.address, tasks: cut.tasks, bins: attrs.bins, range: attrs.range };
    emitStatistics(f, settings, moments.address, statistics.buffer.address);
    ranks.forEach((rank, q) => {
      f.storeI32(targets.address, targetBytes * q, 0);
      f.storeI32(targets.address, targetBytes * q + 4, rank);
    });
    search(
      f,
      { tables: upper.address, stride: tableBytes, tasks: cut.tasks, bits: keyBits.upper, shared: true },
      ranks,
      targets,
    );
  });

  const counting: Counting = { bins: histogram === undefined ? 0 : attrs.bins, targets: ranks.length };
  const middle = workspace('middle', tableBytes * ranks.length * cut.tasks);
  const counts = workspace('counts', taskCountBytes(counting.bins) * cut.tasks);
  if (ranks.length > 0 || histogram !== undefined) {
    const reads = [whole(targets), whole(statistics)];
    each('counts', 3, { reads, writes: [whole(middle), whole(counts)] }, (f, module, task, source, groups) => {
      const tables = f.i32.add(f.i32.mul(task, tableBytes * ranks.length), middle.address);
      const into = f.i32.add(f.i32.mul(task, taskCountBytes(counting.bins)), counts.address);
      const edges = f.int(statistics.buffer.address);
      f.run(f.call(countCore(module, shape, counting), source, groups, f.int(targets.address), tables, into, edges));
    });
    const written = [targets, ...(histogram === undefined ? [] : [histogram.buffer])];
    once(context, 'search', [middle, counts], written, 2048 * ranks.length, (f) => {
      const tables = { tables: middle.address, stride: tableBytes * ranks.length, tasks: cut.tasks };
      search(f, { ...tables, bits: keyBits.middle, shared: false }, ranks, targets);
      if (histogram === undefined) return;
      sumTables(f, counts.address, taskCountBytes(counting.bins), cut.tasks, countBytes(counting.bins));
      f.copy(f.int(histogram.buffer.address), f.int(counts.address), f.int(4 * (counting.bins + 2)));
    });
  }

  if (percentiles !== undefined) {
    const lower = workspace('lower', tableBytes * ranks.length * cut.tasks);
    each('last bits', 2, { reads: [whole(targets)], writes: [whole(lower)] }, (f, module, task, source, groups) => {
      const tables = f.i32.add(f.i32.mul(task, tableBytes * ranks.length), lower.address);
      f.run(f.call(refineCore(module, shape, ranks.length), source, groups, f.int(targets.address), tables));
    });
    const reads = [lower, statistics.buffer];
    once(context, 'percentiles', reads, [percentiles.buffer, targets], 1024 * ranks.length, (f) => {
      const tables = { tables: lower.address, stride: tableBytes * ranks.length, tasks: cut.tasks };
      search(f, { ...tables, bits: keyBits.lower, shared: false }, ranks, targets);
      emitPercentiles(f, ranks.length, targets.address, percentiles.buffer.address, statistics.buffer.address);
    });
  }
  if (outputs.inside !== undefined && attrs.inside !== null) {
    countInside(context, x, context.tensor(outputs.inside), attrs.inside);
  }
};

type EmitPart = (f: Func, module: Parameters<typeof momentsCore>[0], task: Local, source: Local, groups: Local) => void;

interface Cut {
  readonly perTask: number;
  readonly tasks: number;
}

function cutOf({ groups, period }: Groups): Cut {
  const perTask = Math.max(1, Math.floor(block / period));
  return { perTask, tasks: Math.ceil(groups / perTask) };
}

/** Address of the task's first value and how many groups it has. */
function partOf(f: Func, task: Local, x: Placed, { groups, period }: Groups, perTask: number): [Local, Local] {
  const [source, count] = f.locals('i32', 2) as [Local, Local];
  f.set(source, f.i32.mul(task, perTask));
  f.set(count, f.i32.sub(groups, source));
  f.set(count, f.choose(f.i32.ltU(count, perTask), count, perTask));
  f.set(source, f.i32.add(f.i32.mul(source, 4 * period), x.buffer.address));
  return [source, count];
}

function once(
  context: KernelContext,
  name: string,
  reads: readonly Buffer[],
  writes: readonly Buffer[],
  operations: number,
  emit: (f: Func) => void,
): void {
  context.step({
    kind: 'tasks',
    name: `summarise ${name}`,
    count: 1,
    reads: reads.map((buffer) => whole(buffer)),
    writes: writes.map((buffer) => whole(buffer)),
    cost: scalarCost(operations + 64),
    emit: ({ f }) => emit(f),
  });
}

/** Adds up the tables of all tasks into the first one. */
function sumTables(f: Func, address: number, stride: number, tasks: number, bytes: number): void {
  const at = f.local('i32');
  for (let task = 1; task < tasks; task++) {
    f.for(at, address, address + bytes, 16, () => {
      f.store(at, 0, f.vi.add(f.load(at), f.load(at, stride * task)));
    });
  }
}

interface Tables {
  readonly tables: number;
  /** Bytes from one task's tables to the next one's. */
  readonly stride: number;
  readonly tasks: number;
  readonly bits: number;
  /** One table for all percentiles, or one each. */
  readonly shared: boolean;
}

/** Appends to each target the next bits of its key: those of the entry of its table in which its place falls. */
function search(
  f: Func,
  { tables, stride, tasks, bits, shared }: Tables,
  ranks: readonly number[],
  targets: Buffer,
): void {
  if (ranks.length === 0) return;
  sumTables(f, tables, stride, tasks, shared ? tableBytes : tableBytes * ranks.length);
  const [at, before, count, prefix, rank] = f.locals('i32', 5) as [Local, Local, Local, Local, Local];
  const sums = f.local('v128');
  ranks.forEach((_, q) => {
    const table = tables + (shared ? 0 : tableBytes * q);
    const target = targets.address + targetBytes * q;
    f.set(prefix, f.i32.shl(f.loadI32(f.int(target)), bits));
    f.set(rank, f.loadI32(f.int(target), 4));
    f.set(before, 0);
    f.set(at, table);
    // the place lies in the table: first its block of entries is looked for, then the entry
    const advance = (bytes: number, counted: () => void): void =>
      f.forever((leave) => {
        counted();
        leave(f.i32.ltU(f.i32.sub(rank, before), count));
        f.set(before, f.i32.add(before, count));
        f.inc(at, bytes);
        leave(f.i32.geU(at, table + 4 * 2 ** bits));
      });
    advance(16 * blockVectors, () => {
      const vectors = Array.from({ length: blockVectors }, (_each, i) => f.load(at, 16 * i));
      f.set(
        sums,
        vectors.reduce((sum, vector) => f.vi.add(sum, vector)),
      );
      const [a, b, c, d] = [0, 1, 2, 3].map((lane) => f.ilane(sums, lane)) as [Expr, Expr, Expr, Expr];
      f.set(count, f.i32.add(f.i32.add(a, b), f.i32.add(c, d)));
    });
    advance(4, () => f.set(count, f.loadI32(at)));
    f.storeI32(f.int(target), 0, f.i32.or(prefix, f.i32.shrU(f.i32.sub(at, table), 2)));
    f.storeI32(f.int(target), 4, f.i32.sub(rank, before));
  });
}

/** Vectors of entries that are passed over at once where a place does not lie among them. */
const blockVectors = 8;

interface StatisticsSettings {
  readonly n: number;
  /** Address of the first value, which the moments are taken around. */
  readonly first: number;
  readonly tasks: number;
  readonly bins: number;
  readonly range: readonly [number, number] | null;
}

function emitStatistics(f: Func, settings: StatisticsSettings, moments: number, into: number): void {
  const { n, tasks, range } = settings;
  const [sum, squares, mean, shift] = f.locals('f64', 4) as [Local, Local, Local, Local];
  const [low, high, reach] = f.locals('f32', 3) as [Local, Local, Local];
  const [zeros, bad, at] = f.locals('i32', 3) as [Local, Local, Local];
  f.set(low, f.float(Infinity));
  f.set(high, f.float(-Infinity));
  f.for(at, moments, moments + momentBytes * tasks, momentBytes, () => {
    f.set(sum, f.f64.add(sum, f.loadF64(at, 0)));
    f.set(squares, f.f64.add(squares, f.loadF64(at, 8)));
    f.set(low, f.f32.min(low, f.loadF32(at, 16)));
    f.set(high, f.f32.max(high, f.loadF32(at, 20)));
    f.set(zeros, f.i32.add(zeros, f.loadI32(at, 24)));
    f.set(bad, f.i32.add(bad, f.loadI32(at, 28)));
  });
  const put = (slot: number, value: Expr): void => f.storeF32(f.int(into), 4 * slot, value);
  const finite = (value: Expr): Expr => f.choose(f.i32.eqz(bad), f.f32.demote(value), f.float(Number.NaN));
  const share = (count: Local): Expr => f.f32.demote(f.f64.div(f.f64.convertU(count), f.double(n)));
  f.set(shift, f.f64.promote(f.loadF32(f.int(settings.first))));
  f.set(mean, f.f64.div(sum, f.double(n)));
  const variance = f.f64.sub(f.f64.div(squares, f.double(n)), f.f64.mul(mean, mean));
  put(statisticSlot.mean, finite(f.f64.add(mean, shift)));
  put(statisticSlot.std, finite(f.f64.sqrt(f.f64.max(variance, f.double(0)))));
  // sum of x² = sum of d² + 2 s sum of d + n s², with d = x - s
  const cross = f.f64.mul(f.f64.mul(f.double(2), shift), sum);
  const squareSum = f.f64.add(f.f64.add(squares, cross), f.f64.mul(f.double(n), f.f64.mul(shift, shift)));
  put(statisticSlot.norm, finite(f.f64.sqrt(f.f64.max(squareSum, f.double(0)))));
  put(statisticSlot.minimum, low);
  put(statisticSlot.maximum, high);
  put(statisticSlot.zeros, share(zeros));
  put(statisticSlot.nonFinite, share(bad));
  if (range !== null) {
    put(statisticSlot.low, f.float(range[0]));
    put(statisticSlot.high, f.float(range[1]));
    return;
  }
  f.if(f.f32.gt(low, high), () => {
    f.set(low, f.float(-0.5));
    f.set(high, f.float(0.5));
  });
  f.if(f.f32.eq(low, high), () => {
    f.set(reach, f.f32.max(f.float(0.5), f.f32.mul(f.f32.abs(low), f.float(1e-6))));
    f.set(high, f.f32.add(low, reach));
    f.set(low, f.f32.sub(low, reach));
  });
  put(statisticSlot.low, low);
  put(statisticSlot.high, high);
}

/** From sortable keys back to values. */
function emitPercentiles(f: Func, count: number, targets: number, into: number, statistics: number): void {
  const key = f.local('i32');
  for (let q = 0; q < count; q++) {
    f.set(key, f.loadI32(f.int(targets), targetBytes * q));
    const sign = -0x80000000;
    const bits = f.choose(f.i32.ltS(key, 0), f.i32.xor(key, sign), f.i32.xor(key, -1));
    const isBad = f.f32.gt(f.loadF32(f.int(statistics), 4 * statisticSlot.nonFinite), f.float(0));
    f.storeI32(f.int(into), 4 * q, f.choose(isBad, 0x7fc00000, bits));
  }
}

/** Values of each unit within limits; x lies naturally, so a unit is a lane of every pixel. */
function countInside(context: KernelContext, x: Placed, inside: Placed, limits: readonly [number, number]): void {
  const { pixel, rows, rowSize } = x.layout;
  const pixels = (rows * rowSize) / pixel;
  const perTask = Math.max(1, Math.floor(block / pixel));
  const tasks = Math.ceil(pixels / perTask);
  const bytes = 4 * pixel;
  const counts = context.workspace(`${x.spec.name} inside`, bytes * tasks);
  context.step({
    kind: 'tasks',
    name: 'summarise inside',
    count: tasks,
    reads: [whole(x)],
    writes: [whole(counts)],
    cost: streamCost(12 * x.layout.size),
    emit: ({ f, module, task }) => {
      const shape = { groups: pixels, period: pixel, valid: pixel };
      const [source, groups] = partOf(f, task, x, shape, perTask);
      const target = f.i32.add(f.i32.mul(task, bytes), counts.address);
      f.run(f.call(insideCore(module, pixel, limits), source, groups, target));
    },
  });
  once(context, 'units', [counts], [inside.buffer], pixel * tasks, (f) => {
    sumTables(f, counts.address, bytes, tasks, bytes);
    f.copy(f.int(inside.buffer.address), f.int(counts.address), f.int(4 * x.shape[1]!));
  });
}
