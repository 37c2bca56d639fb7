import { byRow, emitSliceStart, ownRows, sliceCount, type KernelContext, type Placed } from '../../step.ts';
import { flopCost } from '../kernel.ts';
import { sumSlices } from '../sumSlices.ts';
import { gradientProductCore, tilesToValuesCore, valuesToFiltersCore, type TileImage } from './cores.ts';
import { transpose, type WinogradMatrices } from './matrices.ts';
import { blocking, spacing, tileRuns } from './tiling.ts';

export interface WinogradGradWeight {
  readonly matrices: WinogradMatrices;
  readonly x: Placed;
  readonly dy: Placed;
  readonly dweight: Placed;
  readonly padTop: number;
  readonly padLeft: number;
}

/**
 * The products of the transformed tiles of x and dy are summed over a slice of images in memory of the slice's own; its last image
 * transforms the sums back. Then the slices are added in order.
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
  const { blocks, most } = blocking(down, across, 4 * n * n * (pixel + outPixel));
  const valueSpace = spacing(4 * most * pixel);
  const gradientSpace = spacing(4 * most * outPixel);
  context.needScratch(n * n * (valueSpace + gradientSpace));
  const sumSpace = spacing(16 * channels * vectors);
  const sumBytes = n * n * sumSpace;
  const slices = sliceCount(rows);
  const bytes = 4 * dweight.layout.size;
  const sums = context.workspace(`${dweight.spec.name} products`, slices * sumBytes);
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
    writes: [byRow(sums), byRow(parts)],
    cost: flopCost(2 * rows * down * across * n * n * channels * outChannels),
    emit: ({ f, module, to, from, slice, scratch, address }) => {
      const ofX = tilesToValuesCore(module, matrices.inputs, inputs, valueSpace);
      const ofDy = tilesToValuesCore(module, transpose(matrices.outputs), gradients, gradientSpace);
      const product = gradientProductCore(
        module,
        spec,
        [...new Set(blocks)].map((tileRows) => tileRows * across),
      );
      const sum = f.local('i32');
      f.set(sum, f.i32.add(f.i32.mul(slice, sumBytes), sums.address));
      f.if(f.i32.eq(from, emitSliceStart(f, rows, slice)), () => f.zero(sum, sumBytes));
      const transformed = f.i32.add(scratch, n * n * valueSpace);
      let first = 0;
      for (const tileRows of blocks) {
        f.run(f.call(ofX, address(x), scratch, first, first + tileRows));
        f.run(f.call(ofDy, address(dy), transformed, first, first + tileRows));
        f.run(f.call(product, scratch, transformed, sum, tileRows * across));
        first += tileRows;
      }
      f.if(f.i32.eq(to, emitSliceStart(f, rows, f.i32.add(slice, 1))), () => {
        const back = valuesToFiltersCore(module, transpose(matrices.filter), bytes / 9, sumSpace);
        f.run(f.call(back, sum, f.i32.add(f.i32.mul(slice, bytes), parts.address)));
      });
    },
  });
  sumSlices(context, parts, slices, dweight);
}
