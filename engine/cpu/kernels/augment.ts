import { augmentationSize, augmentationSlot } from '../../ops/op.ts';
import type { Expr, Local } from '../asm/func.ts';
import { ownRows, whole, type Placed } from '../step.ts';
import { scalarCost, type CpuKernel } from './kernel.ts';

type Slot = keyof typeof augmentationSlot;

/**
 * One pixel after the other: its place in the stored image, the four pixels around that (black outside), brightness and contrast,
 * then the transform. Rows of the image are done one by one, so that half of the place is computed once for each.
 */
export const augmentImages: CpuKernel<'augmentImages'> = ({ inputs, outputs }, context) => {
  const pixels = context.tensor(inputs.pixels);
  const indices = context.tensor(inputs.indices);
  const changes = context.tensor(inputs.augmentation);
  const offset = context.tensor(inputs.offset);
  const scale = context.tensor(inputs.scale);
  const x = context.tensor(outputs.x);
  const [, channels = 1, height = 1, width = 1] = x.shape;
  const plane = height * width;
  const { rows, rowSize, pixel } = x.layout;
  context.step({
    kind: 'rows',
    name: 'augmentImages',
    rows,
    unit: 'image',
    reads: [whole(pixels), whole(indices), whole(changes), whole(offset), whole(scale)],
    writes: [ownRows(x)],
    cost: 6 * scalarCost(rows * channels * plane),
    emit: ({ f, from, address }) => {
      const [index, target, own, source, at, i, h, w, c, row, column, corner] = f.locals('i32', 12) as [
        ...[Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local],
      ];
      const [yRow, xRow, y, xx, down, right, upper, value] = f.locals('f32', 8) as [
        ...[Local, Local, Local, Local, Local, Local, Local, Local],
      ];
      const change = (slot: Slot): Expr => f.loadF32(own, 4 * augmentationSlot[slot]);
      /** A value for all pixels, or the one of pixel `i` of the image. */
      const scaling = (of: Placed): Expr =>
        of.shape[0] === 1 ? f.loadF32(of.buffer.address) : f.loadF32(f.i32.shl(i, 2), of.buffer.address);
      const inside = (atRow: Expr, atColumn: Expr): Expr =>
        f.i32.and(f.i32.ltU(atRow, height), f.i32.ltU(atColumn, width));
      /** The stored pixel `by` bytes behind the corner, or black. */
      const tap = (atRow: Expr, atColumn: Expr, by: number): Expr => {
        const where = f.choose(inside(atRow, atColumn), f.i32.add(corner, by), source);
        const seen = f.f32.convertU(f.loadU8(where));
        return f.choose(inside(atRow, atColumn), seen, f.float(0));
      };
      const between = (a: Expr, b: Expr, part: Expr): Expr => f.f32.add(a, f.f32.mul(part, f.f32.sub(b, a)));
      const pixelValue = (): void => {
        const [nextRow, nextColumn] = [f.i32.add(row, 1), f.i32.add(column, 1)];
        f.set(corner, f.i32.add(source, f.i32.add(f.i32.mul(row, width), column)));
        const stored = (by: number): Expr => f.f32.convertU(f.loadU8(corner, by));
        // most places have all four pixels within the image: one test for them all
        f.if(
          f.i32.and(f.i32.ltU(row, height - 1), f.i32.ltU(column, width - 1)),
          () => {
            f.set(upper, between(stored(0), stored(1), right));
            f.set(value, between(stored(width), stored(width + 1), right));
          },
          () => {
            f.set(upper, between(tap(row, column, 0), tap(row, nextColumn, 1), right));
            f.set(value, between(tap(nextRow, column, width), tap(nextRow, nextColumn, width + 1), right));
          },
        );
        f.set(value, between(upper, value, down));
        f.set(value, f.f32.add(f.f32.mul(value, change('gain')), change('bias')));
        f.set(value, f.f32.min(f.f32.max(value, f.float(0)), f.float(255)));
        f.set(i, f.i32.add(f.i32.mul(c, plane), f.i32.add(f.i32.mul(h, width), w)));
        f.set(value, f.f32.mul(f.f32.sub(value, scaling(offset)), scaling(scale)));
      };
      const within = (): Expr => {
        const [low, high] = [f.f32.convertS(h), f.f32.convertS(w)];
        const rowCut = f.i32.and(f.f32.le(change('top'), low), f.f32.lt(low, change('bottom')));
        const columnCut = f.i32.and(f.f32.le(change('left'), high), f.f32.lt(high, change('right')));
        return f.i32.and(rowCut, columnCut);
      };
      f.set(index, f.loadI32(f.i32.shl(from, 2), indices.buffer.address));
      f.set(target, address(x));
      // what no pixel stands in is padding, and a cut-out pixel is 0
      f.zero(target, 4 * rowSize);
      f.set(own, f.i32.add(f.i32.mul(from, 4 * augmentationSize), changes.buffer.address));
      f.if(f.i32.geS(index, 0), () => {
        f.for(h, 0, height, 1, () => {
          f.set(yRow, f.f32.add(f.f32.mul(change('yy'), f.f32.convertS(h)), change('y0')));
          f.set(xRow, f.f32.add(f.f32.mul(change('xy'), f.f32.convertS(h)), change('x0')));
          f.for(w, 0, width, 1, () => {
            f.if(f.i32.eqz(within()), () => {
              f.set(y, f.f32.add(yRow, f.f32.mul(change('yx'), f.f32.convertS(w))));
              f.set(xx, f.f32.add(xRow, f.f32.mul(change('xx'), f.f32.convertS(w))));
              f.set(row, f.i32.truncateF32S(f.f32.floor(y)));
              f.set(column, f.i32.truncateF32S(f.f32.floor(xx)));
              f.set(down, f.f32.sub(y, f.f32.floor(y)));
              f.set(right, f.f32.sub(xx, f.f32.floor(xx)));
              f.set(at, f.i32.add(target, f.i32.mul(f.i32.add(f.i32.mul(h, width), w), 4 * pixel)));
              f.for(c, 0, channels, 1, () => {
                const first = f.i32.mul(f.i32.add(f.i32.mul(index, channels), c), plane);
                f.set(source, f.i32.add(first, pixels.buffer.address));
                pixelValue();
                f.storeF32(at, 0, value);
                f.inc(at, 4);
              });
            });
          });
        });
      });
    },
  });
};
