import type { Window2d } from '../../ops/op.ts';
import type { Shape } from '../../tensor.ts';
import { sizeOf } from '../../tensor.ts';
import type { GpuKernel } from '../kernel.ts';
import { infinities, isNan } from '../wgsl.ts';
import { each } from './each.ts';

/**
 * Declares `window_at(oh, ow)`: the part of the window that lies in the image and its size inside the padded image; and
 * `first_window` / `last_window`, the range of windows along an axis that see a pixel.
 */
function windows({ kernel, stride, pads }: Window2d, x: Shape, y: Shape): string {
  const [, , height, width] = x as [number, number, number, number];
  const axis = (name: string, at: 0 | 1, out: number): string => `
fn first_window_${name}(pixel: i32) -> i32 { return max((pixel + ${pads[at] - kernel[at] + stride[at]}) / ${stride[at]}, 0); }
fn last_window_${name}(pixel: i32) -> i32 { return min((pixel + ${pads[at]}) / ${stride[at]}, ${out - 1}); }`;
  return `
struct Window { top: i32, bottom: i32, left: i32, right: i32, padded_size: i32 }
fn window_at(oh: i32, ow: i32) -> Window {
  let top = oh * ${stride[0]} - ${pads[0]};
  let left = ow * ${stride[1]} - ${pads[1]};
  let bottom = min(top + ${kernel[0]}, ${height + pads[2]});
  let right = min(left + ${kernel[1]}, ${width + pads[3]});
  return Window(max(top, 0), min(bottom, ${height}), max(left, 0), min(right, ${width}), (bottom - top) * (right - left));
}${axis('h', 0, y[2]!)}${axis('w', 1, y[3]!)}`;
}

/** Declares `first_maximum(plane, window)`: its position h * W + w, or -1 for no pixel; NaN counts as larger than any number. */
const firstMaximum = (width: number): string => `${isNan}${infinities}
fn first_maximum(plane: i32, window: Window) -> i32 {
  var best = -1;
  var largest = minus_infinity();
  for (var h = window.top; h < window.bottom; h++) {
    for (var w = window.left; w < window.right; w++) {
      let at = h * ${width} + w;
      let value = x(u32(plane + at));
      if (best < 0 || value > largest || (is_nan(value) && !is_nan(largest))) {
        best = at;
        largest = value;
      }
    }
  }
  return best;
}`;

/** Statements that find an element i of [.., .., H, W]: `plane`, row `h`, column `w`. */
const place = (shape: Shape): string => `
  let plane = i32(i / ${shape[2]! * shape[3]!}u);
  let h = i32(i / ${shape[3]!}u % ${shape[2]!}u);
  let w = i32(i % ${shape[3]!}u);`;

export const maxPool2d: GpuKernel<'maxPool2d'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const y = context.tensor(outputs.y);
  const indices = context.optional(outputs.indices);
  const [height, width] = x.shape.slice(2) as [number, number];
  each(context, y.size, {
    label: 'maxPool2d',
    read: { x },
    write: { indices },
    emit: { y },
    functions: windows(attrs, x.shape, y.shape) + firstMaximum(width),
    body: `${place(y.shape)}
  let best = first_maximum(plane * ${height * width}, window_at(h, w));
  if (best < 0) { emit_y(i, minus_infinity()); } else { emit_y(i, x(u32(plane * ${height * width} + best))); }
  ${indices ? 'indices[i] = best;' : ''}`,
  });
};

/** Each pixel looks whether it is the first maximum of the windows that see it: no two invocations add to one place. */
export const maxPool2dGrad: GpuKernel<'maxPool2dGrad'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const dy = context.tensor(inputs.dy);
  const dx = context.tensor(outputs.dx);
  const [height, width] = x.shape.slice(2) as [number, number];
  const [outHeight, outWidth] = dy.shape.slice(2) as [number, number];
  each(context, dx.size, {
    label: 'maxPool2dGrad',
    read: { x, dy },
    emit: { dx },
    functions: windows(attrs, x.shape, dy.shape) + firstMaximum(width),
    body: `${place(x.shape)}
  var sum = 0.0;
  for (var oh = first_window_h(h); oh <= last_window_h(h); oh++) {
    for (var ow = first_window_w(w); ow <= last_window_w(w); ow++) {
      if (first_maximum(plane * ${height * width}, window_at(oh, ow)) == h * ${width} + w) {
        sum += dy(u32((plane * ${outHeight} + oh) * ${outWidth} + ow));
      }
    }
  }
  emit_dx(i, sum);`,
  });
};

const divisor = (countIncludePad: boolean): string =>
  countIncludePad ? 'f32(window.padded_size)' : 'f32((window.bottom - window.top) * (window.right - window.left))';

export const avgPool2d: GpuKernel<'avgPool2d'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const y = context.tensor(outputs.y);
  const [height, width] = x.shape.slice(2) as [number, number];
  each(context, y.size, {
    label: 'avgPool2d',
    read: { x },
    emit: { y },
    functions: windows(attrs, x.shape, y.shape),
    body: `${place(y.shape)}
  let window = window_at(h, w);
  var sum = 0.0;
  for (var row = window.top; row < window.bottom; row++) {
    for (var column = window.left; column < window.right; column++) {
      sum += x(u32((plane * ${height} + row) * ${width} + column));
    }
  }
  let empty = window.bottom <= window.top || window.right <= window.left;
  if (empty) { emit_y(i, 0.0); } else { emit_y(i, sum / ${divisor(attrs.countIncludePad)}); }`,
  });
};

export const avgPool2dGrad: GpuKernel<'avgPool2dGrad'> = ({ attrs, inputs, outputs }, context) => {
  const dy = context.tensor(inputs.dy);
  const dx = context.tensor(outputs.dx);
  const [outHeight, outWidth] = dy.shape.slice(2) as [number, number];
  each(context, dx.size, {
    label: 'avgPool2dGrad',
    read: { dy },
    emit: { dx },
    functions: windows(attrs, dx.shape, dy.shape),
    body: `${place(dx.shape)}
  var sum = 0.0;
  for (var oh = first_window_h(h); oh <= last_window_h(h); oh++) {
    for (var ow = first_window_w(w); ow <= last_window_w(w); ow++) {
      let window = window_at(oh, ow);
      sum += dy(u32((plane * ${outHeight} + oh) * ${outWidth} + ow)) / ${divisor(attrs.countIncludePad)};
    }
  }
  emit_dx(i, sum);`,
  });
};

export const globalAvgPool2d: GpuKernel<'globalAvgPool2d'> = ({ inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const y = context.tensor(outputs.y);
  const plane = sizeOf(x.shape.slice(2));
  each(context, y.size, {
    label: 'globalAvgPool2d',
    read: { x },
    emit: { y },
    body: `
  var sum = 0.0;
  for (var p = 0u; p < ${plane}u; p++) { sum += x(i * ${plane}u + p); }
  emit_y(i, sum / ${plane}.0);`,
  });
};

export const globalAvgPool2dGrad: GpuKernel<'globalAvgPool2dGrad'> = ({ inputs, outputs }, context) => {
  const dx = context.tensor(outputs.dx);
  const plane = sizeOf(dx.shape.slice(2));
  each(context, dx.size, {
    label: 'globalAvgPool2dGrad',
    read: { dy: context.tensor(inputs.dy) },
    emit: { dx },
    body: `  emit_dx(i, dy(i / ${plane}u) / ${plane}.0);`,
  });
};
