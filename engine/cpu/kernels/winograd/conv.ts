import { pad4 } from '../../layout.ts';
import { ownRows, whole, wholeIf, type Buffer, type KernelContext, type Placed } from '../../step.ts';
import { panelCount } from '../gemm.ts';
import { flopCost, streamCost } from '../kernel.ts';
import { packedSize } from '../microkernel.ts';
import { filtersToValuesCore, productCore, tilesToValuesCore, valuesToTilesCore, type TileImage } from './cores.ts';
import type { WinogradMatrices } from './matrices.ts';
import { blocking, spacing, tileRuns } from './tiling.ts';

/** A 3x3 convolution of stride 1 over images `from`, giving images `to`. */
export interface WinogradConv {
  readonly name: string;
  readonly matrices: WinogradMatrices;
  readonly from: Placed;
  readonly to: Placed;
  readonly bias: Placed | undefined;
  readonly padTop: number;
  readonly padLeft: number;
  readonly filters: Buffer;
  /** Bytes from channel to channel of `from` and from tap to tap in a panel of 1 or 2 vectors, and from panel to panel. */
  readonly filterRow: (width: number) => number;
  readonly filterTap: (width: number) => number;
  readonly filterPanel: number;
}

/** Vectors of panel number `panel` of `columns` columns: 2, or 1 at the end. */
function widthOf(panel: number, columns: number): number {
  return Math.min(2, Math.ceil(columns / 4) - 2 * panel);
}

/** Transforms all filters, panel by panel, once per run of the segment. */
function filterStep(context: KernelContext, conv: WinogradConv, depth: number, columns: number): Buffer {
  const { matrices } = conv;
  const space = 4 * packedSize(depth, columns);
  const values = context.workspace(`${conv.name} filters`, matrices.n ** 2 * space);
  const count = panelCount(columns);
  context.step({
    kind: 'tasks',
    name: `${conv.name} filters`,
    count,
    reads: [whole(conv.filters)],
    writes: [whole(values)],
    cost: streamCost(2 * values.bytes),
    emit: ({ f, module, task }) => {
      const panels = (width: number): void => {
        const spec = { depth, row: conv.filterRow(width), tap: conv.filterTap(width), width, space };
        const core = filtersToValuesCore(module, matrices.filter, spec);
        const source = f.i32.add(f.i32.mul(task, conv.filterPanel), conv.filters.address);
        f.run(f.call(core, source, f.i32.add(f.i32.mul(task, 32 * depth), values.address)));
      };
      const last = widthOf(count - 1, columns);
      if (last === 2) panels(2);
      else
        f.if(
          f.i32.eq(task, count - 1),
          () => panels(1),
          () => panels(2),
        );
    },
  });
  return values;
}

/** For each image and block of tiles: transform, multiply by the transformed filters, transform back. */
export function winogradConv(context: KernelContext, conv: WinogradConv): void {
  const { matrices, from, to, bias } = conv;
  const { m, n } = matrices;
  const [rows = 1, depth = 1, height = 1, width = 1] = from.shape;
  const [, columns = 1, outHeight = 1, outWidth = 1] = to.shape;
  const filters = filterStep(context, conv, depth, columns);
  const down = Math.ceil(outHeight / m);
  const across = Math.ceil(outWidth / m);
  const { pixel } = from.layout;
  const vectors = pad4(columns) / 4;
  const { blocks, most } = blocking(down, across, 4 * n * n * (pixel + 4 * vectors));
  const valueSpace = spacing(4 * most * pixel);
  const productSpace = spacing(16 * most * vectors);
  context.needScratch(n * n * (valueSpace + productSpace));
  const inputs: TileImage = {
    pixel,
    width,
    down: tileRuns(down, m, n, conv.padTop, height),
    across: tileRuns(across, m, n, conv.padLeft, width),
    step: m,
    padTop: conv.padTop,
    padLeft: conv.padLeft,
  };
  const outputs: TileImage = {
    pixel: to.layout.pixel,
    width: outWidth,
    down: tileRuns(down, m, m, 0, outHeight),
    across: tileRuns(across, m, m, 0, outWidth),
    step: m,
    padTop: 0,
    padLeft: 0,
  };
  const spec = { matrices, depth, pixel, vectors, valueSpace, productSpace };
  context.step({
    kind: 'rows',
    name: conv.name,
    rows,
    unit: 'image',
    reads: [ownRows(from), whole(filters), ...wholeIf(bias)],
    writes: [ownRows(to)],
    cost: flopCost(2 * rows * down * across * n * n * depth * columns),
    emit: ({ f, module, scratch, address }) => {
      const toValues = tilesToValuesCore(module, matrices.inputs, inputs, valueSpace);
      const product = productCore(
        module,
        { ...spec, filterSpace: 4 * packedSize(depth, columns) },
        [...new Set(blocks)].map((tileRows) => tileRows * across),
      );
      const toTiles = valuesToTilesCore(module, matrices.outputs, outputs, productSpace, bias !== undefined);
      const products = f.i32.add(scratch, n * n * valueSpace);
      let first = 0;
      for (const tileRows of blocks) {
        f.run(f.call(toValues, address(from), scratch, first, first + tileRows));
        f.run(f.call(product, scratch, filters.address, products, tileRows * across));
        f.run(f.call(toTiles, address(to), products, first, first + tileRows, bias?.buffer.address ?? 0));
        first += tileRows;
      }
    },
  });
}
