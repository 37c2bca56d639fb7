import type { Window2d } from '../../ops/op.ts';
import type { Shape } from '../../tensor.ts';
import type { ReferenceKernel } from '../kernel.ts';

/** The part of a pooling window that lies in the image, as half-open ranges, and how many pixels it has with padding. */
interface Window {
  top: number;
  bottom: number;
  left: number;
  right: number;
  /** Its size inside the padded image: smaller where the last window reaches beyond the padding (output rounded up). */
  paddedSize: number;
}

/**
 * Calls `visit` for every window of every plane: `y` is its position in the output, `plane` where its input plane begins.
 * How many windows there are is what y's shape says, so an output rounded up works as one rounded down.
 */
function forEachWindow(
  x: Shape,
  y: Shape,
  attrs: Window2d,
  visit: (y: number, plane: number, window: Readonly<Window>) => void,
): void {
  const [batch, channels, height, width] = x as readonly [number, number, number, number];
  const [, , outHeight, outWidth] = y as readonly [number, number, number, number];
  const [kernelH, kernelW] = attrs.kernel;
  const [strideH, strideW] = attrs.stride;
  const [padTop, padLeft, padBottom, padRight] = attrs.pads;
  const window: Window = { top: 0, bottom: 0, left: 0, right: 0, paddedSize: 0 };
  let at = 0;
  for (let p = 0; p < batch * channels; p++) {
    for (let oh = 0; oh < outHeight; oh++) {
      const top = oh * strideH - padTop;
      const bottom = Math.min(top + kernelH, height + padBottom);
      for (let ow = 0; ow < outWidth; ow++) {
        const left = ow * strideW - padLeft;
        const right = Math.min(left + kernelW, width + padRight);
        window.top = Math.max(top, 0);
        window.bottom = Math.min(bottom, height);
        window.left = Math.max(left, 0);
        window.right = Math.min(right, width);
        window.paddedSize = (bottom - top) * (right - left);
        visit(at++, p * height * width, window);
      }
    }
  }
}

/** Position in the plane of the first maximum; NaN counts as larger than any number, so that it shows. -1: no pixel. */
function firstMaximum(x: Float32Array, plane: number, width: number, window: Readonly<Window>): number {
  let best = -1;
  let largest = -Infinity;
  for (let h = window.top; h < window.bottom; h++) {
    for (let w = window.left; w < window.right; w++) {
      const value = x[plane + h * width + w]!;
      if (best === -1 || value > largest || (Number.isNaN(value) && !Number.isNaN(largest))) {
        best = h * width + w;
        largest = value;
      }
    }
  }
  return best;
}

export const maxPool2d: ReferenceKernel<'maxPool2d'> = ({ attrs, inputs, outputs }, tensors) => {
  const x = tensors.f32(inputs.x);
  const y = tensors.f32(outputs.y);
  const indices = outputs.indices === undefined ? undefined : tensors.i32(outputs.indices);
  const xShape = tensors.shape(inputs.x);
  forEachWindow(xShape, tensors.shape(outputs.y), attrs, (at, plane, window) => {
    const best = firstMaximum(x, plane, xShape[3]!, window);
    y[at] = best === -1 ? -Infinity : x[plane + best]!;
    if (indices !== undefined) indices[at] = best;
  });
};

export const maxPool2dGrad: ReferenceKernel<'maxPool2dGrad'> = (instance, tensors) => {
  const { attrs, inputs, outputs } = instance;
  const x = tensors.f32(inputs.x);
  const dy = tensors.f32(inputs.dy);
  const dx = tensors.f32(outputs.dx);
  const xShape = tensors.shape(inputs.x);
  const sums = tensors.scratch(instance, dx.length);
  forEachWindow(xShape, tensors.shape(inputs.dy), attrs, (at, plane, window) => {
    const best = firstMaximum(x, plane, xShape[3]!, window);
    if (best !== -1) sums[plane + best]! += dy[at]!;
  });
  dx.set(sums);
};

function divisor(window: Readonly<Window>, countIncludePad: boolean): number {
  const pixels = (window.bottom - window.top) * (window.right - window.left);
  return countIncludePad ? window.paddedSize : pixels;
}

/** No pixel of the image in the window: its average is 0, as of the padding that it sees. */
const isEmpty = (window: Readonly<Window>): boolean => window.bottom <= window.top || window.right <= window.left;

export const avgPool2d: ReferenceKernel<'avgPool2d'> = ({ attrs, inputs, outputs }, tensors) => {
  const x = tensors.f32(inputs.x);
  const y = tensors.f32(outputs.y);
  const xShape = tensors.shape(inputs.x);
  const width = xShape[3]!;
  forEachWindow(xShape, tensors.shape(outputs.y), attrs, (at, plane, window) => {
    let sum = 0;
    for (let h = window.top; h < window.bottom; h++) {
      for (let w = window.left; w < window.right; w++) sum += x[plane + h * width + w]!;
    }
    y[at] = isEmpty(window) ? 0 : sum / divisor(window, attrs.countIncludePad);
  });
};

export const avgPool2dGrad: ReferenceKernel<'avgPool2dGrad'> = (instance, tensors) => {
  const { attrs, inputs, outputs } = instance;
  const dy = tensors.f32(inputs.dy);
  const dx = tensors.f32(outputs.dx);
  const xShape = tensors.shape(outputs.dx);
  const width = xShape[3]!;
  const sums = tensors.scratch(instance, dx.length);
  forEachWindow(xShape, tensors.shape(inputs.dy), attrs, (at, plane, window) => {
    const share = dy[at]! / divisor(window, attrs.countIncludePad);
    for (let h = window.top; h < window.bottom; h++) {
      for (let w = window.left; w < window.right; w++) sums[plane + h * width + w]! += share;
    }
  });
  dx.set(sums);
};

export const globalAvgPool2d: ReferenceKernel<'globalAvgPool2d'> = ({ inputs, outputs }, tensors) => {
  const x = tensors.f32(inputs.x);
  const y = tensors.f32(outputs.y);
  const plane = x.length / y.length;
  for (let p = 0; p < y.length; p++) {
    let sum = 0;
    for (let i = 0; i < plane; i++) sum += x[p * plane + i]!;
    y[p] = sum / plane;
  }
};

export const globalAvgPool2dGrad: ReferenceKernel<'globalAvgPool2dGrad'> = ({ inputs, outputs }, tensors) => {
  const dy = tensors.f32(inputs.dy);
  const dx = tensors.f32(outputs.dx);
  const plane = dx.length / dy.length;
  for (let i = 0; i < dx.length; i++) dx[i] = dy[Math.floor(i / plane)]! / plane;
};
