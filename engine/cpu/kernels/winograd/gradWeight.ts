import type { Expr, Local } from '../../asm/func.ts';
import {
  byRow,
  emitSliceStart,
  ownRows,
  ownSlice,
  sliceCount,
  sliceSizes,
  type Buffer,
  type KernelContext,
  type Placed,
} from '../../step.ts';
import { flopCost } from '../kernel.ts';
import { sumSlices } from '../sumSlices.ts';
import { gradientProductCore, tilesToValuesCore, valuesToFiltersCore, type TileImage } from './cores.ts';
import { transpose, type WinogradMatrices } from './matrices.ts';
import { blocking, imagesTogether, spacing, tileRuns } from './tiling.ts';

export interface WinogradGradWeight {
  readonly matrices: WinogradMatrices;
  readonly x: Placed;
  readonly dy: Placed;
  readonly dweight: Placed;
  readonly padTop: number;
  readonly padLeft: number;
}

/**
 * The products of the transformed tiles of x and dy are summed over a slice of images in the thread's own memory, several small
 * images at a time; the slice's last image transforms the sums back. Then the slices are added in order.
 */
export function winogradGradWeight(context: KernelContext, conv: WinogradGradWeight): void {
  const { matrices, x, dy, dweight } = conv;
  const { m, n } = matrices;
  const [rows = 1, channels = 1, height = 1, width = 1] = x.shape;
  const [, outChannels = 1, outHeight = 1, outWidth = 1] = dy.shape;
  const down = Math.ceil(outHeight / m);
  const across = Math.ceil(outWidth / m);
  const { pixel } = x.layout;
  const outPixel = dy.layout.pixel;
  const vectors = outPixel / 4;
  const perTile = 4 * n * n * (pixel + outPixel);
  const sizes = sliceSizes(rows);
  const together = imagesTogether(down * across, perTile, sizes[0]!);
  const blocks = together > 1 ? [down] : blocking(down, across, perTile).blocks;
  const tiles = together * blocks[0]! * across;
  const valueSpace = spacing(4 * tiles * pixel);
  const gradientSpace = spacing(4 * tiles * outPixel);
  const sumSpace = spacing(16 * channels * vectors);
  const values = context.workspace(`${x.spec.name} tiles`, n * n * valueSpace);
  const transformed = context.workspace(`${dy.spec.name} tiles`, n * n * gradientSpace);
  const sums = context.workspace(`${dweight.spec.name} products`, n * n * sumSpace);
  const slices = sliceCount(rows);
  const bytes = 4 * dweight.layout.size;
  const parts = context.workspace(`${dweight.spec.name} slices`, slices * bytes);
  const step = { step: m };
  const inputs: TileImage = {
    ...step,
    pixel,
    width,
    down: tileRuns(down, m, n, conv.padTop, height),
    across: tileRuns(across, m, n, conv.padLeft, width),
    padTop: conv.padTop,
    padLeft: conv.padLeft,
  };
  const gradients: TileImage = {
    ...step,
    pixel: outPixel,
    width: outWidth,
    down: tileRuns(down, m, m, 0, outHeight),
    across: tileRuns(across, m, m, 0, outWidth),
    padTop: 0,
    padLeft: 0,
  };
  const spec = { matrices, channels, pixel, vectors, valueSpace, gradientSpace, sumSpace };
  context.step({
    kind: 'rows',
    name: 'conv2dGradWeight',
    rows,
    unit: 'image',
    reads: [ownRows(x), ownRows(dy)],
    writes: [byRow(parts), ownSlice(values), ownSlice(transformed), ownSlice(sums)],
    cost: flopCost(2 * rows * down * across * n * n * channels * outChannels),
    emit: ({ f, module, to, from, slice, address, sliceMemory }) => {
      const ofX = tilesToValuesCore(module, matrices.inputs, inputs, valueSpace);
      const ofDy = tilesToValuesCore(module, transpose(matrices.outputs), gradients, gradientSpace);
      const [sum, image] = f.locals('i32', 2) as [Local, Local];
      f.set(sum, sliceMemory(sums));
      f.set(image, f.i32.sub(from, emitSliceStart(f, rows, slice)));
      f.if(f.i32.eqz(image), () => f.zero(sum, n * n * sumSpace));
      const isLast = f.i32.eq(to, emitSliceStart(f, rows, f.i32.add(slice, 1)));
      if (together === 1) {
        const product = gradientProductCore(
          module,
          spec,
          [...new Set(blocks)].map((tileRows) => tileRows * across),
        );
        let first = 0;
        for (const tileRows of blocks) {
          f.run(f.call(ofX, address(x), sliceMemory(values), first, first + tileRows));
          f.run(f.call(ofDy, address(dy), sliceMemory(transformed), first, first + tileRows));
          f.run(f.call(product, sliceMemory(values), sliceMemory(transformed), sum, tileRows * across));
          first += tileRows;
        }
      } else {
        const each = down * across;
        // Full sets of images, and what is left of a slice.
        const counts = [together, ...sizes.map((size) => size % together)].filter((images) => images > 0);
        const product = gradientProductCore(
          module,
          spec,
          [...new Set(counts)].map((images) => images * each),
        );
        const place = f.i32.mul(f.i32.and(image, together - 1), each);
        const at = (buffer: Buffer, size: number): Expr => f.i32.add(sliceMemory(buffer), f.i32.mul(place, 4 * size));
        f.run(f.call(ofX, address(x), at(values, pixel), 0, down));
        f.run(f.call(ofDy, address(dy), at(transformed, outPixel), 0, down));
        f.if(f.i32.or(isLast, f.i32.eq(f.i32.and(image, together - 1), together - 1)), () =>
          f.run(f.call(product, sliceMemory(values), sliceMemory(transformed), sum, f.i32.add(place, each))),
        );
      }
      f.if(isLast, () => {
        const back = valuesToFiltersCore(module, transpose(matrices.filter), bytes / 9, sumSpace);
        f.run(f.call(back, sum, f.i32.add(f.i32.mul(slice, bytes), parts.address)));
      });
    },
  });
  sumSlices(context, parts, slices, dweight);
}
