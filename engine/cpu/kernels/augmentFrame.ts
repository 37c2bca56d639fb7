import { augmentationSlot } from '../../ops/op.ts';
import type { Expr, Func, Local } from '../asm/func.ts';
import type { Placed } from '../step.ts';

type Slot = keyof typeof augmentationSlot;

/** What the kernel knows of the image that it works on: addresses in locals, extents as constants. */
export interface ImageScope {
  readonly f: Func;
  /** First byte of the stored image. */
  readonly source: Local;
  /** Where the new image begins. */
  readonly target: Local;
  /** The image's row of `augmentation`. */
  readonly own: Local;
  readonly offset: Placed;
  readonly scale: Placed;
  readonly extents: { readonly channels: number; readonly height: number; readonly width: number };
  /** Elements from one pixel of the new image to the next. */
  readonly pixel: number;
}

/** The code around the pixels that both forms of the kernel share: which four come next, and what is done with their values. */
export interface Frame extends ImageScope {
  change(slot: Slot): Expr;
  /** The row, and the first of the four columns. */
  readonly h: Local;
  readonly w: Local;
  /** The four columns as f32, behind `placeColumns`. */
  readonly columns: Local;
  placeColumns(): void;
  /** Bytes from channel 0 of the stored image to the one at work. */
  readonly channelAt: Expr;
  /** Every row: `begin`, then `four` for its columns, four at a time. */
  eachFour(begin: () => void, four: () => void): void;
  /** For each channel: brightness, contrast, limits, transform and cutout of `value()`, then into the new image. */
  finish(value: () => Expr): void;
  /** The same for an image without brightness, contrast and cutout: the transform alone, and the same bits. */
  finishPlain(value: () => Expr): void;
  /** Whether it is one. */
  readonly isPlain: Expr;
}

/**
 * The last four columns of a row may overlap those before: each value depends on its place alone, so it comes out the same. A row of
 * less than four columns is computed as four, and the rest left out.
 */
export function augmentFrame(scope: ImageScope): Frame {
  const { f, target, own, pixel } = scope;
  const { channels, height, width } = scope.extents;
  const plane = height * width;
  const [h, w, rowPlace, place, c, channelAt, isCutRow] = f.locals('i32', 7) as [
    ...[Local, Local, Local, Local, Local, Local, Local],
  ];
  const [columns, seen, gain, bias, left, right] = f.locals('v128', 6) as [
    ...[Local, Local, Local, Local, Local, Local],
  ];
  const change = (slot: Slot): Expr => f.loadF32(own, 4 * augmentationSlot[slot]);
  const inAllLanes = (slot: Slot): Expr => f.loadSplat(own, 4 * augmentationSlot[slot]);
  /** A value for all pixels, or those of four. */
  const scaling = (of: Placed): Expr => {
    if (of.shape[0] === 1) return f.loadSplat(of.buffer.address);
    return f.load(f.i32.shl(f.i32.add(channelAt, place), 2), of.buffer.address);
  };
  const store = (value: Local): void => {
    const at = f.i32.add(f.i32.add(target, f.i32.mul(place, 4 * pixel)), f.i32.shl(c, 2));
    if (pixel === 1 && width >= 4) f.store(at, 0, value);
    else for (let l = 0; l < Math.min(4, width); l++) f.storeF32(at, 4 * pixel * l, f.lane(value, l));
  };
  const transformed = (value: Expr): Expr => f.v.mul(f.v.sub(value, scaling(scope.offset)), scaling(scope.scale));
  const eachChannel = (body: () => void): void => {
    f.set(channelAt, 0);
    f.for(c, 0, channels, 1, () => {
      body();
      store(seen);
      if (channels > 1) f.inc(channelAt, plane);
    });
  };
  return {
    ...scope,
    ...{ change, h, w, columns, channelAt },
    // with neither, every step of `finish` but the transform gives back what it was given
    isPlain: f.i32.and(
      f.i32.and(f.f32.eq(change('gain'), f.float(1)), f.f32.eq(change('bias'), f.float(0))),
      f.i32.or(f.f32.le(change('bottom'), change('top')), f.f32.le(change('right'), change('left'))),
    ),
    placeColumns() {
      // 0, 1, 2 and 3 as f32
      f.set(columns, f.v.add(f.v.splat(f.f32.convertS(w)), f.ivec([0, 0x3f800000, 0x40000000, 0x40400000])));
    },
    eachFour(begin, four) {
      f.set(gain, inAllLanes('gain'));
      f.set(bias, inAllLanes('bias'));
      f.set(left, inAllLanes('left'));
      f.set(right, inAllLanes('right'));
      f.for(h, 0, height, 1, () => {
        const row = f.f32.convertS(h);
        f.set(isCutRow, f.i32.and(f.f32.le(change('top'), row), f.f32.lt(row, change('bottom'))));
        f.set(rowPlace, f.i32.mul(h, width));
        begin();
        f.for(w, 0, width, 4, () => {
          if (width % 4 !== 0) f.set(w, f.choose(f.i32.ltU(w, Math.max(0, width - 4)), w, Math.max(0, width - 4)));
          f.set(place, f.i32.add(rowPlace, w));
          four();
        });
      });
    },
    finish(value) {
      eachChannel(() => {
        f.set(seen, value());
        f.set(seen, f.v.add(f.v.mul(seen, gain), bias));
        f.set(seen, f.v.pmin(f.v.pmax(seen, f.vec(0)), f.vec(255)));
        f.set(seen, transformed(seen));
        f.if(isCutRow, () => {
          f.set(seen, f.v.andnot(seen, f.v.and(f.v.le(left, columns), f.v.lt(columns, right))));
        });
      });
    },
    finishPlain(value) {
      eachChannel(() => f.set(seen, transformed(value())));
    },
  };
}
