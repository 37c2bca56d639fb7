import { resizeTaps } from '../ops/resample.ts';
import { sizeOf, type Shape } from '../tensor.ts';

/**
 * Images on the host at another height and width, as the op `resize` does it with antialiased bilinear taps; in float64, rounded
 * once. For a few images that are looked at; training resizes on its device.
 *
 * @param images f32 [N, C, H, W]
 * @param from [C, H, W]
 */
export function resizeImages(
  images: Float32Array,
  from: Shape,
  [height, width]: readonly [number, number],
): Float32Array {
  const [channels, fromHeight, fromWidth] = from as readonly [number, number, number];
  if (fromHeight === height && fromWidth === width) return images;
  const planes = (images.length / sizeOf(from)) * channels;
  const rows = resizeTaps('bilinearAntialias', fromHeight, height);
  const columns = resizeTaps('bilinearAntialias', fromWidth, width);
  const out = new Float32Array(planes * height * width);
  let to = 0;
  for (let plane = 0; plane < planes; plane++) {
    for (const row of rows) {
      for (const column of columns) {
        let sum = 0;
        row.weights.forEach((vertical, i) => {
          const start = (plane * fromHeight + row.first + i) * fromWidth + column.first;
          column.weights.forEach((horizontal, j) => (sum += vertical * horizontal * images[start + j]!));
        });
        out[to++] = sum;
      }
    }
  }
  return out;
}
