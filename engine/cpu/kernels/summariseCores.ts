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

/** moments(source, groups, first value, target, table) */
export function momentsCore(module: Module, shape: Groups, counted: boolean): Func {
  const key = `moments ${shape.period} ${shape.valid} ${counted}`;
  return module.core(key, ['i32', 'i32', 'i32', 'i32', 'i32'], (f) => {
    const [source, groups, first, target, table] = f.params() as [Local, Local, Local, Local, Local];
    const [shift, d, sum, squares] = f.locals('f64', 4) as [Local, Local, Local, Local];
    const [x, low, high] = f.locals('f32', 3) as [Local, Local, Local];
    const [bits, zeros, bad] = f.locals('i32', 3) as [Local, Local, Local];
    if (counted) f.zero(table, tableBytes);
    f.set(shift, f.f64.promote(f.loadF32(first)));
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
      if (!counted) return;
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
  });
}

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
    const [bits, bin] = f.locals('i32', 2) as [Local, Local];
    const [x, low, high, perBin] = f.locals('f32', 4) as [Local, Local, Local, Local];
    if (q > 0) f.zero(tables, tableBytes * q);
    prefixes.forEach((prefix, i) => f.set(prefix, f.loadI32(targets, targetBytes * i)));
    if (bins > 0) {
      f.zero(histogram, 16 * Math.ceil((bins + 2) / 4));
      f.set(low, f.loadF32(edges, 4 * statisticSlot.low));
      f.set(high, f.loadF32(edges, 4 * statisticSlot.high));
      f.set(perBin, f.f32.div(f.float(bins), f.f32.sub(high, low)));
    }
    eachValue(f, shape, source, groups, (at) => {
      if (q > 0) {
        f.set(bits, f.loadI32(at));
        f.set(bits, sortable(f, bits));
        matching(f, bits, prefixes, tables, keyBits.upper, keyBits.middle, bin);
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
  });
}

/** In each target's table counts the value by its next bits if the upper ones are the target's. */
function matching(
  f: Func,
  bits: Local,
  prefixes: readonly Local[],
  tables: Local,
  known: number,
  next: number,
  spare: Local,
): void {
  const entry = f.i32.and(f.i32.shrU(bits, 32 - known - next), 2 ** next - 1);
  f.set(spare, f.i32.add(tables, f.i32.shl(entry, 2)));
  prefixes.forEach((prefix, i) => {
    count(f, spare, tableBytes * i, f.i32.eq(f.i32.shrU(bits, 32 - known), prefix));
  });
}

/** refine(source, groups, targets, tables): the last bits. */
export function refineCore(module: Module, shape: Groups, q: number): Func {
  const key = `refine ${shape.period} ${shape.valid} ${q}`;
  return module.core(key, ['i32', 'i32', 'i32', 'i32'], (f) => {
    const [source, groups, targets, tables] = f.params() as [Local, Local, Local, Local];
    const prefixes = f.locals('i32', q);
    const [bits, spare] = f.locals('i32', 2) as [Local, Local];
    f.zero(tables, tableBytes * q);
    prefixes.forEach((prefix, i) => f.set(prefix, f.loadI32(targets, targetBytes * i)));
    eachValue(f, shape, source, groups, (at) => {
      f.set(bits, f.loadI32(at));
      f.set(bits, sortable(f, bits));
      matching(f, bits, prefixes, tables, keyBits.upper + keyBits.middle, keyBits.lower, spare);
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
