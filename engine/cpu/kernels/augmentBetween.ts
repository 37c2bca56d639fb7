import type { Expr, Local } from '../asm/func.ts';
import type { Frame } from './augmentFrame.ts';

/** f32 from here on counts in ones, to the same distance below as above, with the count in the last bits. */
const unit = 1.5 * 2 ** 23;
const unitBits = 0x4b400000;

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
  const [row, column, down, right, places, pairs, nextPairs] = vectors(7) as [
    ...[Local, Local, Local, Local, Local, Local, Local],
  ];
  const begun = f.local('i32');
  const masks = vectors(4) as unknown as Four<Local>;
  const [rowIn, nextRowIn, columnIn, nextColumnIn] = masks;
  const [upper, lower] = vectors(2) as [Local, Local];
  const [above, below] = [f.locals('i32', 4), f.locals('i32', 4)];
  const inOneRow = (a: Expr, b: Expr, part: Expr): Expr => f.v.add(a, f.v.mul(part, f.v.sub(b, a)));
  const clamp = (value: Expr, low: number, high: number): Expr => f.v.pmin(f.v.pmax(value, f.vec(low)), f.vec(high));
  /** The bits of a whole number, but for those of `unit`: an addition, where a conversion that any number may be given takes ten. */
  const wholeBits = (value: Expr): Expr => f.v.add(value, f.vec(unit));
  const between = (value: Expr, low: number, high: number): Expr =>
    f.v.and(f.v.ge(value, f.vec(low)), f.v.lt(value, f.vec(high)));
  /** Addresses of four stored pixels of channel 0. */
  const locate = (into: readonly Local[], rows: Expr, besides: Expr): void => {
    f.set(places, f.vi.add(f.vi.mul(wholeBits(rows), f.ivec(width)), wholeBits(besides)));
    for (const [l, at] of into.entries()) f.set(at, f.i32.add(begun, f.ilane(places, l)));
  };
  const inChannel = (at: Expr): Expr => (channels === 1 ? at : f.i32.add(at, channelAt));
  const read = (lowerFrom: readonly Local[], by: number): void => {
    f.set(pairs, f.ivec(0));
    f.set(nextPairs, f.ivec(0));
    for (const [l, at] of above.entries()) f.set(pairs, f.load16Lane(pairs, 2 * l, inChannel(at)));
    for (const [l, at] of lowerFrom.entries()) f.set(nextPairs, f.load16Lane(nextPairs, 2 * l, inChannel(at), by));
  };
  const firstOf = (of: Local): Expr => f.v.convertS(f.v.and(of, f.ivec(0xff)));
  const secondOf = (of: Local): Expr => f.v.convertS(f.vi.shrU(of, 8));
  const value = (a: Expr, b: Expr, c: Expr, d: Expr): Expr => {
    f.set(upper, inOneRow(a, b, right));
    f.set(lower, inOneRow(c, d, right));
    return inOneRow(upper, lower, down);
  };
  const allInside = (): void => {
    locate(above, row, column);
    frame.finish(() => {
      read(above, width);
      return value(firstOf(pairs), secondOf(pairs), firstOf(nextPairs), secondOf(nextPairs));
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
        seen(firstOf(pairs), rowIn, columnIn),
        seen(secondOf(pairs), rowIn, nextColumnIn),
        seen(firstOf(nextPairs), nextRowIn, columnIn),
        seen(secondOf(nextPairs), nextRowIn, nextColumnIn),
      );
    });
  };
  // what `wholeBits` leaves in rows and columns is taken off here, once; in 32 bits all sums wrap alike
  f.set(begun, f.i32.sub(source, Math.imul(unitBits, width + 1)));
  f.set(yStep, f.v.splat(change('yx')));
  f.set(xStep, f.v.splat(change('xx')));
  frame.eachFour(
    () => {
      f.set(yRow, f.v.splat(f.f32.add(f.f32.mul(change('yy'), f.f32.convertS(h)), change('y0'))));
      f.set(xRow, f.v.splat(f.f32.add(f.f32.mul(change('xy'), f.f32.convertS(h)), change('x0'))));
    },
    () => {
      frame.placeColumns();
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
