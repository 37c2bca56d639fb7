import type { Expr, Func, Local } from '../asm/func.ts';
import type { Window2d } from '../../ops/op.ts';
import type { Placed } from '../step.ts';

/** Pooling windows over one image; `full` is the large side (x, dx), `pooled` the small one (y, dy). */
export interface PoolShape {
  readonly rows: number;
  readonly channels: number;
  readonly pixel: number;
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly window: Window2d;
}

export function poolShape(full: Placed, pooled: Placed, attrs: Window2d): PoolShape {
  const [rows = 1, channels = 1, height = 1, width = 1] = full.shape;
  const [, , outHeight = 1, outWidth = 1] = pooled.shape;
  const { kernel, stride, pads } = attrs;
  const window = { kernel, stride, pads };
  return { rows, channels, pixel: full.layout.pixel, height, width, outHeight, outWidth, window };
}

export function poolKey(shape: PoolShape): string {
  const { window, rows: _, ...rest } = shape;
  return [...Object.values(rest), window.kernel, window.stride, window.pads].join(' ');
}

/** Every window lies whole inside the image. */
export function isExact({ window, height, width, outHeight, outWidth }: PoolShape): boolean {
  const { kernel, stride, pads } = window;
  const fits = (axis: 0 | 1, out: number, extent: number): boolean =>
    pads[axis] === 0 && (out - 1) * stride[axis] + kernel[axis] <= extent;
  return fits(0, outHeight, height) && fits(1, outWidth, width);
}

/** No pixel belongs to two windows. */
export function isDisjoint({ window: { kernel, stride } }: PoolShape): boolean {
  return kernel[0] <= stride[0] && kernel[1] <= stride[1];
}

/** Every pixel belongs to exactly one window. */
export function isTiling(shape: PoolShape): boolean {
  const { kernel, stride } = shape.window;
  return (
    isExact(shape) &&
    kernel[0] === stride[0] &&
    kernel[1] === stride[1] &&
    shape.outHeight * stride[0] === shape.height &&
    shape.outWidth * stride[1] === shape.width
  );
}

export interface WindowScope {
  /** Byte offset of the output vector in its image. */
  readonly out: Local;
  /** Calls `visit` for each pixel of the window in row-major order with the byte offset of its vector, as address + constant. */
  eachPixel(visit: (address: Expr, constant: number, position: Expr) => void): void;
  /** Position h * W + w of the window's first pixel. */
  readonly first: Expr;
  /** Pixels of the window inside the image, and inside the padded image. */
  readonly real: Expr;
  readonly padded: Expr;
}

function least(f: Func, a: Local, b: number): void {
  f.set(a, f.choose(f.i32.ltS(a, b), a, b));
}

function most(f: Func, a: Local, b: number): void {
  f.set(a, f.choose(f.i32.gtS(a, b), a, b));
}

/** Emits `body` for every window of an image and every vector of channels. */
export function eachWindow(f: Func, shape: PoolShape, body: (scope: WindowScope) => void): void {
  const { window, pixel, height, width, outHeight, outWidth } = shape;
  const { kernel, stride, pads } = window;
  const [oh, ow, c, out, corner, at, h, w] = f.locals('i32', 8) as [
    ...[Local, Local, Local, Local, Local, Local, Local, Local],
  ];
  const [top, bottom, left, right, paddedRows, paddedColumns] = f.locals('i32', 6) as [
    ...[Local, Local, Local, Local, Local, Local],
  ];
  const bytes = 4 * pixel;
  const exact = isExact(shape) && kernel[0] * kernel[1] <= 16;
  f.set(out, 0);
  const range = (from: Local, to: Local, padded: Local, index: Local, axis: 0 | 1, extent: number): void => {
    f.set(from, f.i32.sub(f.i32.mul(index, stride[axis]), pads[axis]));
    f.set(to, f.i32.add(from, kernel[axis]));
    f.set(padded, to);
    least(f, padded, extent + pads[axis + 2]!);
    f.set(padded, f.i32.sub(padded, from));
    most(f, from, 0);
    least(f, to, extent);
    most(f, to, 0);
  };
  f.for(oh, 0, outHeight, 1, () => {
    if (!exact) range(top, bottom, paddedRows, oh, 0, height);
    f.for(ow, 0, outWidth, 1, () => {
      if (exact) {
        const position = f.i32.add(f.i32.mul(oh, stride[0] * width), f.i32.mul(ow, stride[1]));
        f.set(corner, f.i32.mul(position, bytes));
      } else range(left, right, paddedColumns, ow, 1, width);
      f.for(c, 0, bytes, 16, () => {
        const scope: WindowScope = exact
          ? {
              out,
              eachPixel: (visit) => {
                f.set(at, f.i32.add(corner, c));
                for (let i = 0; i < kernel[0]; i++) {
                  for (let j = 0; j < kernel[1]; j++) {
                    const place = i * width + j;
                    visit(at, place * bytes, f.i32.add(f.i32.divU(corner, bytes), place));
                  }
                }
              },
              first: f.i32.divU(corner, bytes),
              real: f.int(kernel[0] * kernel[1]),
              padded: f.int(kernel[0] * kernel[1]),
            }
          : {
              out,
              eachPixel: (visit) => {
                f.for(h, top, bottom, 1, () =>
                  f.for(w, left, right, 1, () => {
                    const position = f.i32.add(f.i32.mul(h, width), w);
                    f.set(at, f.i32.add(f.i32.mul(position, bytes), c));
                    visit(at, 0, position);
                  }),
                );
              },
              first: f.i32.add(f.i32.mul(top, width), left),
              real: f.i32.mul(f.i32.sub(bottom, top), f.i32.sub(right, left)),
              padded: f.i32.mul(paddedRows, paddedColumns),
            };
        body(scope);
        f.inc(out, 16);
      });
    });
  });
}
