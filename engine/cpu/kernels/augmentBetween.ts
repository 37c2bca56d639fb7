import type { Expr, Local } from '../asm/func.ts';
import type { Frame } from './augmentFrame.ts';

type Four<T> = readonly [T, T, T, T];

/**
 * Any change: the place of four pixels in the stored image, the four stored ones around each, and what lies between. Two bytes side by
 * side are read at once; where one of them lies outside of the image, it is masked.
 */
export function interpolatedPixels(frame: Frame): void {
  const { f, change, source, h, columns, channelAt } = frame;
  const { channels, height, width } = frame.extents;
  const vectors = (count: number): Local[] => f.locals('v128', count);
  const [yRow, xRow, yStep, xStep, y, x] = vectors(6) as [Local, Local, Local, Local, Local, Local];
  const [row, column, down, right, places, pairs, firsts, seconds] = vectors(8) as [
    ...[Local, Local, Local, Local, Local, Local, Local, Local],
  ];
  const masks = vectors(4) as unknown as Four<Local>;
  const [rowIn, nextRowIn, columnIn, nextColumnIn] = masks;
  const [upper, lower] = vectors(2) as [Local, Local];
  const [above, below] = [f.locals('i32', 4), f.locals('i32', 4)];
  const inOneRow = (a: Expr, b: Expr, part: Expr): Expr => f.v.add(a, f.v.mul(part, f.v.sub(b, a)));
  const clamp = (value: Expr, low: number, high: number): Expr =>
    f.vi.truncateF32S(f.v.pmin(f.v.pmax(value, f.vec(low)), f.vec(high)));
  const between = (value: Expr, low: number, high: number): Expr =>
    f.v.and(f.v.ge(value, f.vec(low)), f.v.lt(value, f.vec(high)));
  /** Addresses of four stored pixels of channel 0. */
  const locate = (into: readonly Local[], rows: Expr, besides: Expr): void => {
    f.set(places, f.vi.add(f.vi.mul(rows, f.ivec(width)), besides));
    for (const [l, at] of into.entries()) f.set(at, f.i32.add(source, f.ilane(places, l)));
  };
  const inChannel = (at: Expr): Expr => (channels === 1 ? at : f.i32.add(at, channelAt));
  const read = (lowerFrom: readonly Local[], by: number): void => {
    f.set(pairs, f.ivec(0));
    for (const [l, at] of above.entries()) f.set(pairs, f.load16Lane(pairs, l, inChannel(at)));
    for (const [l, at] of lowerFrom.entries()) f.set(pairs, f.load16Lane(pairs, 4 + l, inChannel(at), by));
    f.set(firsts, f.v.and(pairs, f.ivec(0x00ff00ff)));
    f.set(seconds, f.vi.shrU16(pairs, 8));
  };
  const upperOf = (of: Local): Expr => f.v.convertU(f.vi.widenLowU16(of));
  const lowerOf = (of: Local): Expr => f.v.convertU(f.vi.widenHighU16(of));
  const value = (a: Expr, b: Expr, c: Expr, d: Expr): Expr => {
    f.set(upper, inOneRow(a, b, right));
    f.set(lower, inOneRow(c, d, right));
    return inOneRow(upper, lower, down);
  };
  const allInside = (): void => {
    locate(above, f.vi.truncateF32S(row), f.vi.truncateF32S(column));
    frame.finish(() => {
      read(above, width);
      return value(upperOf(firsts), upperOf(seconds), lowerOf(firsts), lowerOf(seconds));
    });
  };
  const someOutside = (): void => {
    f.set(rowIn, between(row, 0, height));
    f.set(nextRowIn, between(row, -1, height - 1));
    f.set(columnIn, between(column, 0, width));
    f.set(nextColumnIn, between(column, -1, width - 1));
    // what is read for a place outside lies within the image or one byte beside it
    locate(above, clamp(row, 0, height - 1), clamp(column, -1, width - 1));
    locate(below, clamp(f.v.add(row, f.vec(1)), 0, height - 1), clamp(column, -1, width - 1));
    const seen = (bytes: Expr, inRow: Expr, inColumn: Expr): Expr => f.v.and(bytes, f.v.and(inRow, inColumn));
    frame.finish(() => {
      read(below, 0);
      return value(
        seen(upperOf(firsts), rowIn, columnIn),
        seen(upperOf(seconds), rowIn, nextColumnIn),
        seen(lowerOf(firsts), nextRowIn, columnIn),
        seen(lowerOf(seconds), nextRowIn, nextColumnIn),
      );
    });
  };
  f.set(yStep, f.v.splat(change('yx')));
  f.set(xStep, f.v.splat(change('xx')));
  frame.eachFour(
    () => {
      f.set(yRow, f.v.splat(f.f32.add(f.f32.mul(change('yy'), f.f32.convertS(h)), change('y0'))));
      f.set(xRow, f.v.splat(f.f32.add(f.f32.mul(change('xy'), f.f32.convertS(h)), change('x0'))));
    },
    () => {
      f.set(y, f.v.add(yRow, f.v.mul(yStep, columns)));
      f.set(x, f.v.add(xRow, f.v.mul(xStep, columns)));
      f.set(row, f.v.floor(y));
      f.set(column, f.v.floor(x));
      f.set(down, f.v.sub(y, row));
      f.set(right, f.v.sub(x, column));
      const inside = f.v.and(between(row, 0, height - 1), between(column, 0, width - 1));
      f.if(f.vi.allTrue(inside), allInside, someOutside);
    },
  );
}
