import { resizeTaps } from '../../ops/resample.ts';
import type { ResizeMode } from '../../ops/resample.ts';
import type { Shape } from '../../tensor.ts';
import type { ReferenceKernel } from '../kernel.ts';

/** Calls `visit` for every pixel that has a part in a value of y, plane by plane: their positions and the weight. */
function forEachTap(
  x: Shape,
  y: Shape,
  mode: ResizeMode,
  visit: (from: number, to: number, weight: number) => void,
): void {
  const [batch, channels, height, width] = x as readonly [number, number, number, number];
  const [, , outHeight, outWidth] = y as readonly [number, number, number, number];
  const rows = resizeTaps(mode, height, outHeight);
  const columns = resizeTaps(mode, width, outWidth);
  let to = 0;
  for (let plane = 0; plane < batch * channels; plane++) {
    for (const row of rows) {
      for (const column of columns) {
        row.weights.forEach((vertical, i) => {
          const start = (plane * height + row.first + i) * width + column.first;
          column.weights.forEach((horizontal, j) => visit(start + j, to, vertical * horizontal));
        });
        to++;
      }
    }
  }
}

export const resize: ReferenceKernel<'resize'> = (instance, tensors) => {
  const { attrs, inputs, outputs } = instance;
  const x = tensors.f32(inputs.x);
  const y = tensors.f32(outputs.y);
  const sums = tensors.scratch(instance, y.length);
  forEachTap(tensors.shape(inputs.x), tensors.shape(outputs.y), attrs.mode, (from, to, weight) => {
    sums[to]! += weight * x[from]!;
  });
  y.set(sums);
};

/** Every value of dy goes back to the pixels it was made of, with the same weights. */
export const resizeGrad: ReferenceKernel<'resizeGrad'> = (instance, tensors) => {
  const { attrs, inputs, outputs } = instance;
  const dy = tensors.f32(inputs.dy);
  const dx = tensors.f32(outputs.dx);
  const sums = tensors.scratch(instance, dx.length);
  forEachTap(tensors.shape(outputs.dx), tensors.shape(inputs.dy), attrs.mode, (from, to, weight) => {
    sums[from]! += weight * dy[to]!;
  });
  dx.set(sums);
};
