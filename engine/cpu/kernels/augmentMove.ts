import type { Expr, Local } from '../asm/func.ts';
import type { Frame } from './augmentFrame.ts';

/** Up to here sums of positions are exact in f32. */
const far = 2 ** 20;

/** Whether each new pixel is one stored pixel: the image is moved by whole pixels and perhaps mirrored, nothing else. */
export function isMove({ f, change }: Frame): Expr {
  const whole = (slot: 'y0' | 'x0'): Expr =>
    f.i32.and(f.f32.eq(f.f32.floor(change(slot)), change(slot)), f.f32.lt(f.f32.abs(change(slot)), f.float(far)));
  const upright = f.i32.and(f.f32.eq(change('yy'), f.float(1)), f.f32.eq(change('yx'), f.float(0)));
  const level = f.i32.and(f.f32.eq(f.f32.abs(change('xx')), f.float(1)), f.f32.eq(change('xy'), f.float(0)));
  return f.i32.and(f.i32.and(upright, level), f.i32.and(whole('y0'), whole('x0')));
}

/**
 * Four stored bytes at a time, mirrored or not; what lies outside is black. The same bits as interpolation: both its parts are 0, and
 * a + 0 * (b - a) is a.
 */
export function movedPixels(frame: Frame, mirrored: boolean): void {
  const { f, change, source, w, h, columns, channelAt } = frame;
  const { height, width } = frame.extents;
  const [firstRow, firstColumn, row, column, within, at] = f.locals('i32', 6) as [
    ...[Local, Local, Local, Local, Local, Local],
  ];
  const [start, low, from, isInside] = f.locals('v128', 4) as [Local, Local, Local, Local];
  f.set(firstRow, f.i32.truncateF32S(change('y0')));
  f.set(firstColumn, f.i32.sub(f.i32.truncateF32S(change('x0')), mirrored ? 3 : 0));
  f.set(start, f.v.splat(change('x0')));
  const bytes = (): Expr => {
    const four = f.loadOne(f.i32.add(at, channelAt));
    const values = f.v.convertS(f.vi.widenLowU16(f.vi.widenLowU8(four)));
    if (!mirrored) return values;
    f.set(from, values);
    return f.shuffle(from, from, [3, 2, 1, 0]);
  };
  const begin = (): void => {
    f.set(row, f.i32.add(firstRow, h));
    // no column is inside of a row outside
    f.set(low, f.v.splat(f.choose(f.i32.ltU(row, height), f.float(0), f.float(Infinity))));
    f.set(within, f.choose(f.i32.ltU(row, height), Math.max(0, width - 3), 0));
    f.set(row, f.i32.add(source, f.i32.mul(f.choose(f.i32.ltU(row, height), row, 0), width)));
  };
  /** The first of the four bytes in its row; less than `within` where all four are inside. */
  const findColumn = (): void => f.set(column, mirrored ? f.i32.sub(firstColumn, w) : f.i32.add(firstColumn, w));
  const inside = (finish: Frame['finish']) => (): void => {
    f.set(at, f.i32.add(row, column));
    finish(bytes);
  };
  const atTheEdge = (finish: Frame['finish']) => (): void => {
    f.set(from, mirrored ? f.v.sub(start, columns) : f.v.add(start, columns));
    f.set(isInside, f.v.and(f.v.ge(from, low), f.v.lt(from, f.vec(width))));
    // far outside any four bytes do; these are never more than four beside the row
    f.set(column, f.choose(f.i32.ltS(column, -4), -4, column));
    f.set(column, f.choose(f.i32.gtS(column, width), width, column));
    f.set(at, f.i32.add(row, column));
    finish(() => f.v.and(bytes(), isInside));
  };
  f.if(
    frame.isPlain,
    () =>
      frame.eachFour(begin, () => {
        findColumn();
        f.if(f.i32.ltU(column, within), inside(frame.finishPlain), () => {
          frame.placeColumns();
          atTheEdge(frame.finishPlain)();
        });
      }),
    () =>
      frame.eachFour(begin, () => {
        findColumn();
        frame.placeColumns();
        f.if(f.i32.ltU(column, within), inside(frame.finish), atTheEdge(frame.finish));
      }),
  );
}
