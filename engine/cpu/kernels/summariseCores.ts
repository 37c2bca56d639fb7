import { statisticSlot } from '../../ops/op.ts';
import type { Expr, Func, Local } from '../asm/func.ts';
import type { Module } from '../asm/module.ts';
import type { Groups } from './groups.ts';

/** How the 32 bits of a key are split over the three passes. */
export const keyBits = { upper: 11, middle: 11, lower: 10 } as const;
/** A table of counts. */
export const tableBytes = 4 * 2 ** keyBits.upper;
/** Known upper bits of a key, and the place among the values that have them. */
export const targetBytes = 8;
/** sum and sum of squares in doubles, smallest and largest value, zeros, values that are not finite. */
export const momentBytes = 32;

export interface Counting {
  /** 0: no histogram. */
  readonly bins: number;
  readonly targets: number;
}

/** Unsigned keys that sort as the values do: positive numbers above all negative ones, which come in reverse. */
function sortable(f: Func, bits: Local): Expr {
  return f.i32.xor(bits, f.i32.or(f.i32.shrS(bits, 31), -0x80000000));
}

/** Calls `body` for the address of every value of `groups` groups from `source` on. */
function eachValue(f: Func, { period, valid }: Groups, source: Local, groups: Local, body: (at: Local) => void): void {
  const [at, end] = f.locals('i32', 2) as [Local, Local];
  if (valid === period) {
    f.set(end, f.i32.add(source, f.i32.mul(groups, 4 * period)));
    f.for(at, source, end, 4, () => body(at));
    return;
  }
  const group = f.local('i32');
  f.for(group, 0, groups, 1, () => {
    f.for(at, source, f.i32.add(source, 4 * valid), 4, () => body(at));
    f.inc(source, 4 * period);
  });
}

function count(f: Func, at: Expr, offset: number, by: Expr | number = 1): void {
  f.storeI32(at, offset, f.i32.add(f.loadI32(at, offset), by));
}

/** Whether values lie four by four, without padding among them. */
const isDense = ({ period, valid }: Groups): boolean => valid === period && period % 4 === 0;

/** Calls `body` for the address of every four values. */
function eachVector(f: Func, { period }: Groups, source: Local, groups: Local, body: (at: Local) => void): void {
  const [at, end] = f.locals('i32', 2) as [Local, Local];
  f.set(end, f.i32.add(source, f.i32.mul(groups, 4 * period)));
  f.for(at, source, end, 16, () => body(at));
}

/** `sortable` of four values. */
function sortableKeys(f: Func, x: Local): Expr {
  return f.v.xor(x, f.v.or(f.vi.shrS(x, 31), f.ivec(-0x80000000)));
}

/** moments(source, groups, first value, target, table) */
export function momentsCore(module: Module, shape: Groups, counted: boolean): Func {
  const key = `moments ${shape.period} ${shape.valid} ${counted}`;
  return module.core(key, ['i32', 'i32', 'i32', 'i32', 'i32'], (f) => {
    const [source, groups, first, target, table] = f.params() as [Local, Local, Local, Local, Local];
    const shift = f.local('f64');
    if (counted) f.zero(table, tableBytes);
    f.set(shift, f.f64.promote(f.loadF32(first)));
    if (isDense(shape)) momentsOfVectors(f, shape, { source, groups, shift, target, table: counted ? table : null });
    else momentsOfValues(f, shape, { source, groups, shift, target, table: counted ? table : null });
  });
}

interface Moments {
  readonly source: Local;
  readonly groups: Local;
  readonly shift: Local;
  readonly target: Local;
  /** Null: nothing is counted. */
  readonly table: Local | null;
}

/** Every second value into the same sum: four chains of additions, in doubles. */
function momentsOfVectors(f: Func, shape: Groups, { source, groups, shift, target, table }: Moments): void {
  const [x, d, good, low, high, zeros, finite, from] = f.locals('v128', 8) as [
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
    Local,
  ];
  const [sumA, sumB, squaresA, squaresB] = f.locals('v128', 4) as [Local, Local, Local, Local];
  const [entry, bad] = f.locals('i32', 2) as [Local, Local];
  f.set(from, f.vd.splat(shift));
  f.set(low, f.vec(Infinity));
  f.set(high, f.vec(-Infinity));
  eachVector(f, shape, source, groups, (at) => {
    f.set(x, f.load(at));
    // not for what is infinite or not a number
    f.set(good, f.v.lt(f.v.abs(x), f.vec(Infinity)));
    f.set(finite, f.vi.sub(finite, good));
    f.set(low, f.v.pmin(low, f.v.select(x, f.vec(Infinity), good)));
    f.set(high, f.v.pmax(high, f.v.select(x, f.vec(-Infinity), good)));
    f.set(zeros, f.vi.sub(zeros, f.v.eq(x, f.vec(0))));
    f.set(d, f.vd.sub(f.vd.promoteLow(x), from));
    f.set(sumA, f.vd.add(sumA, d));
    f.set(squaresA, f.vd.add(squaresA, f.vd.mul(d, d)));
    f.set(d, f.vd.sub(f.vd.promoteLow(f.shuffle(x, x, [2, 3, 2, 3])), from));
    f.set(sumB, f.vd.add(sumB, d));
    f.set(squaresB, f.vd.add(squaresB, f.vd.mul(d, d)));
    if (table === null) return;
    f.set(x, sortableKeys(f, x));
    f.set(x, f.vi.shl(f.vi.shrU(x, 32 - keyBits.upper), 2));
    for (let lane = 0; lane < 4; lane++) {
      f.set(entry, f.i32.add(table, f.ilane(x, lane)));
      count(f, entry, 0);
    }
  });
  const lanes = (of: (lane: number) => Expr, join: (a: Expr, b: Expr) => Expr): Expr =>
    join(join(of(0), of(1)), join(of(2), of(3)));
  const total = (a: Local, b: Local): Expr =>
    f.f64.add(f.f64.add(f.dlane(a, 0), f.dlane(a, 1)), f.f64.add(f.dlane(b, 0), f.dlane(b, 1)));
  f.storeF64(target, 0, total(sumA, sumB));
  f.storeF64(target, 8, total(squaresA, squaresB));
  f.storeF32(
    target,
    16,
    lanes(
      (lane) => f.lane(low, lane),
      (a, b) => f.f32.min(a, b),
    ),
  );
  f.storeF32(
    target,
    20,
    lanes(
      (lane) => f.lane(high, lane),
      (a, b) => f.f32.max(a, b),
    ),
  );
  f.storeI32(
    target,
    24,
    lanes(
      (lane) => f.ilane(zeros, lane),
      (a, b) => f.i32.add(a, b),
    ),
  );
  f.set(
    bad,
    lanes(
      (lane) => f.ilane(finite, lane),
      (a, b) => f.i32.add(a, b),
    ),
  );
  f.storeI32(target, 28, f.i32.sub(f.i32.mul(groups, shape.period), bad));
}

function momentsOfValues(f: Func, shape: Groups, { source, groups, shift, target, table }: Moments): void {
  const [d, sum, squares] = f.locals('f64', 3) as [Local, Local, Local];
  const [x, low, high] = f.locals('f32', 3) as [Local, Local, Local];
  const [bits, zeros, bad] = f.locals('i32', 3) as [Local, Local, Local];
  f.set(low, f.float(Infinity));
  f.set(high, f.float(-Infinity));
  eachValue(f, shape, source, groups, (at) => {
    f.set(x, f.loadF32(at));
    f.set(bits, f.loadI32(at));
    f.if(
      f.i32.eq(f.i32.and(bits, 0x7f800000), 0x7f800000),
      () => f.inc(bad, 1),
      () => {
        f.set(low, f.f32.min(low, x));
        f.set(high, f.f32.max(high, x));
      },
    );
    f.set(d, f.f64.sub(f.f64.promote(x), shift));
    f.set(sum, f.f64.add(sum, d));
    f.set(squares, f.f64.add(squares, f.f64.mul(d, d)));
    f.set(zeros, f.i32.add(zeros, f.f32.eq(x, f.float(0))));
    if (table === null) return;
    const entry = f.i32.shrU(sortable(f, bits), 32 - keyBits.upper);
    f.set(bits, f.i32.add(table, f.i32.shl(entry, 2)));
    count(f, bits, 0);
  });
  f.storeF64(target, 0, sum);
  f.storeF64(target, 8, squares);
  f.storeF32(target, 16, low);
  f.storeF32(target, 20, high);
  f.storeI32(target, 24, zeros);
  f.storeI32(target, 28, bad);
}

/** Bytes of a histogram with what lies outside, padded for whole vectors. */
export const countBytes = (bins: number): number => (bins === 0 ? 0 : 16 * Math.ceil((bins + 2) / 4));

/** Histograms of a task: many values fall into few bins, and one count waits for the one before it in the same bin. */
const copies = 4;
/** Bytes of a task's histograms; the first one has all counts in the end. */
export const taskCountBytes = (bins: number): number => copies * countBytes(bins);

/** counts(source, groups, targets, tables, histogram, statistics): the middle bits, and the bins. */
export function countCore(module: Module, shape: Groups, { bins, targets: q }: Counting): Func {
  const key = `counts ${shape.period} ${shape.valid} ${bins} ${q}`;
  return module.core(key, ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'], (f) => {
    const [source, groups, targets, tables, histogram, edges] = f.params() as [
      Local,
      Local,
      Local,
      Local,
      Local,
      Local,
    ];
    const prefixes = f.locals('i32', q);
    const [low, high, perBin] = f.locals('f32', 3) as [Local, Local, Local];
    if (q > 0) f.zero(tables, tableBytes * q);
    prefixes.forEach((prefix, i) => f.set(prefix, f.loadI32(targets, targetBytes * i)));
    if (bins > 0) {
      f.zero(histogram, taskCountBytes(bins));
      f.set(low, f.loadF32(edges, 4 * statisticSlot.low));
      f.set(high, f.loadF32(edges, 4 * statisticSlot.high));
      f.set(perBin, f.f32.div(f.float(bins), f.f32.sub(high, low)));
    }
    const match = { prefixes, tables, known: keyBits.upper, next: keyBits.middle };
    const range = { bins, histogram, low, high, perBin };
    if (isDense(shape)) countVectors(f, shape, source, groups, match, range);
    else countValues(f, shape, source, groups, match, range);
  });
}

interface Range {
  readonly bins: number;
  readonly histogram: Local;
  readonly low: Local;
  readonly high: Local;
  readonly perBin: Local;
}

function countVectors(f: Func, shape: Groups, source: Local, groups: Local, match: Matching, range: Range): void {
  const { bins, histogram, low, high, perBin } = range;
  const [x, bin, isNumber, lows, highs, scale] = f.locals('v128', 6) as [Local, Local, Local, Local, Local, Local];
  const place = f.local('i32');
  const matching = vectorMatching(f, match);
  f.set(lows, f.v.splat(low));
  f.set(highs, f.v.splat(high));
  f.set(scale, f.v.splat(perBin));
  eachVector(f, shape, source, groups, (at) => {
    f.set(x, f.load(at));
    if (match.prefixes.length > 0) matching(x);
    if (bins === 0) return;
    f.set(bin, f.vi.truncateF32S(f.v.mul(f.v.sub(x, lows), scale)));
    const last = f.ivec(bins);
    f.set(bin, f.v.select(last, f.vi.add(bin, f.ivec(1)), f.vi.geS(bin, f.ivec(bins - 1))));
    f.set(bin, f.v.andnot(bin, f.v.lt(x, lows)));
    f.set(bin, f.v.select(f.ivec(bins + 1), bin, f.v.gt(x, highs)));
    f.set(bin, f.vi.shl(bin, 2));
    f.set(isNumber, f.v.eq(x, x));
    for (let lane = 0; lane < 4; lane++) {
      f.set(place, f.i32.add(histogram, f.ilane(bin, lane)));
      const offset = (lane % copies) * countBytes(bins);
      f.storeI32(place, offset, f.i32.sub(f.loadI32(place, offset), f.ilane(isNumber, lane)));
    }
  });
  if (bins === 0) return;
  const end = f.local('i32');
  f.set(end, f.i32.add(histogram, countBytes(bins)));
  f.for(place, histogram, end, 16, () => {
    let sum = f.load(place);
    for (let copy = 1; copy < copies; copy++) sum = f.vi.add(sum, f.load(place, copy * countBytes(bins)));
    f.store(place, 0, sum);
  });
}

function countValues(f: Func, shape: Groups, source: Local, groups: Local, match: Matching, range: Range): void {
  const { bins, histogram, low, high, perBin } = range;
  const [bits, bin] = f.locals('i32', 2) as [Local, Local];
  const x = f.local('f32');
  eachValue(f, shape, source, groups, (at) => {
    if (match.prefixes.length > 0) {
      f.set(bits, f.loadI32(at));
      f.set(bits, sortable(f, bits));
      matchValue(f, bits, match, bin);
    }
    if (bins === 0) return;
    f.set(x, f.loadF32(at));
    f.set(bin, f.i32.truncateF32U(f.f32.mul(f.f32.sub(x, low), perBin)));
    f.set(bin, f.choose(f.i32.ltU(bin, bins - 1), f.i32.add(bin, 1), bins));
    f.set(bin, f.choose(f.f32.lt(x, low), 0, bin));
    f.set(bin, f.choose(f.f32.gt(x, high), bins + 1, bin));
    f.set(bin, f.i32.add(histogram, f.i32.shl(bin, 2)));
    // not for a NaN
    count(f, bin, 0, f.f32.eq(x, x));
  });
}

/** The search for values that begin with the known bits of a target; each has a table of the next ones. */
interface Matching {
  readonly prefixes: readonly Local[];
  readonly tables: Local;
  readonly known: number;
  readonly next: number;
}

/** In each target's table counts the value by its next bits if the upper ones are the target's. */
function matchValue(f: Func, bits: Local, { prefixes, tables, known, next }: Matching, spare: Local): void {
  const entry = f.i32.and(f.i32.shrU(bits, 32 - known - next), 2 ** next - 1);
  f.set(spare, f.i32.add(tables, f.i32.shl(entry, 2)));
  prefixes.forEach((prefix, i) => {
    count(f, spare, tableBytes * i, f.i32.eq(f.i32.shrU(bits, 32 - known), prefix));
  });
}

/** The same of four values at a time, which mostly are none of any target. Overwrites nothing but locals of its own. */
function vectorMatching(f: Func, match: Matching): (x: Local) => void {
  const [keys, upper] = f.locals('v128', 2) as [Local, Local];
  const [bits, spare] = f.locals('i32', 2) as [Local, Local];
  const wanted = match.prefixes.map((prefix) => {
    const vector = f.local('v128');
    f.set(vector, f.vi.splat(prefix));
    return vector;
  });
  return (x) => {
    f.set(keys, sortableKeys(f, x));
    f.set(upper, f.vi.shrU(keys, 32 - match.known));
    const hits = wanted.map((vector) => f.vi.eq(upper, vector));
    const any = hits.reduce((all, each) => f.v.or(all, each));
    f.if(f.vi.anyTrue(any), () => {
      for (let lane = 0; lane < 4; lane++) {
        f.set(bits, f.ilane(keys, lane));
        matchValue(f, bits, match, spare);
      }
    });
  };
}

/** refine(source, groups, targets, tables): the last bits. */
export function refineCore(module: Module, shape: Groups, q: number): Func {
  const key = `refine ${shape.period} ${shape.valid} ${q}`;
  return module.core(key, ['i32', 'i32', 'i32', 'i32'], (f) => {
    const [source, groups, targets, tables] = f.params() as [Local, Local, Local, Local];
    const prefixes = f.locals('i32', q);
    f.zero(tables, tableBytes * q);
    prefixes.forEach((prefix, i) => f.set(prefix, f.loadI32(targets, targetBytes * i)));
    const match = { prefixes, tables, known: keyBits.upper + keyBits.middle, next: keyBits.lower };
    if (isDense(shape)) {
      const x = f.local('v128');
      const matching = vectorMatching(f, match);
      eachVector(f, shape, source, groups, (at) => {
        f.set(x, f.load(at));
        matching(x);
      });
      return;
    }
    const [bits, spare] = f.locals('i32', 2) as [Local, Local];
    eachValue(f, shape, source, groups, (at) => {
      f.set(bits, f.loadI32(at));
      f.set(bits, sortable(f, bits));
      matchValue(f, bits, match, spare);
    });
  });
}

/** inside(source, pixels, target): how many values of each lane lie within the limits. */
export function insideCore(module: Module, pixel: number, [from, to]: readonly [number, number]): Func {
  return module.core(`inside ${pixel} ${from} ${to}`, ['i32', 'i32', 'i32'], (f) => {
    const [source, pixels, target] = f.params() as [Local, Local, Local];
    const [i, c, at] = f.locals('i32', 3) as [Local, Local, Local];
    const mask = f.local('v128');
    f.zero(target, 4 * pixel);
    f.for(i, 0, pixels, 1, () => {
      f.for(c, 0, 4 * pixel, 16, () => {
        f.set(mask, f.load(f.i32.add(source, c)));
        f.set(mask, f.v.and(f.v.ge(mask, f.vec(from)), f.v.le(mask, f.vec(to))));
        f.set(at, f.i32.add(target, c));
        f.store(at, 0, f.vi.sub(f.load(at), mask));
      });
      f.inc(source, 4 * pixel);
    });
  });
}
