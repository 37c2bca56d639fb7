import type { Func, Local } from '../../asm/func.ts';
import type { Module } from '../../asm/module.ts';
import { gemmCore } from '../gemm.ts';
import type { Matrix, WinogradMatrices } from './matrices.ts';
import type { TileRun } from './tiling.ts';
import { emitTransform, transformSpace } from './transform.ts';

/** Tiles of an image in memory, as a transform reads or writes them. Extents in pixels, `pixel` in floats. */
export interface TileImage {
  readonly pixel: number;
  readonly width: number;
  /** Tiles down and across; `step` pixels from one to the next, the first of them at -pad. */
  readonly down: readonly TileRun[];
  readonly across: readonly TileRun[];
  readonly step: number;
  readonly padTop: number;
  readonly padLeft: number;
}

function keyOf(image: TileImage): string {
  const runs = (of: readonly TileRun[]): string => of.map((run) => Object.values(run).join('.')).join('_');
  const { pixel, width, step, padTop, padLeft } = image;
  return [pixel, width, step, padTop, padLeft, runs(image.down), runs(image.across)].join(' ');
}

interface TileScope {
  readonly down: TileRun;
  readonly across: TileRun;
  /** Address of the vector in the tile's first pixel inside the image, and of its vector among the transformed values. */
  readonly pixelAt: Local;
  readonly valueAt: Local;
}

/**
 * Walks through the tiles of rows from <= row < to, and in each through its vectors of channels. `image`: address of the image;
 * `values`: address of the first tile's transformed vectors, which follow one another by `valueStep` bytes.
 */
function eachTile(
  f: Func,
  tiles: TileImage,
  [image, values, from, to]: readonly [Local, Local, Local, Local],
  body: (scope: TileScope) => void,
): void {
  const { pixel, width, step, padTop, padLeft } = tiles;
  const [row, rowAt, tileAt, c, pixelAt, valueAt] = f.locals('i32', 6) as [Local, Local, Local, Local, Local, Local];
  const line = 4 * pixel * width;
  const tile = (down: TileRun, across: TileRun): void =>
    f.for(c, 0, 4 * pixel, 16, () => {
      f.set(pixelAt, f.i32.add(tileAt, c));
      f.set(valueAt, f.i32.add(values, c));
      body({ down, across, pixelAt, valueAt });
    });
  const tileRow = (down: TileRun): void => {
    const firstLine = f.i32.add(f.i32.mul(row, step), down.low - padTop);
    f.set(rowAt, f.i32.add(image, f.i32.mul(firstLine, line)));
    for (const across of tiles.across) {
      const firstColumn = step * across.first - padLeft + across.low;
      f.set(tileAt, f.i32.add(rowAt, 4 * pixel * firstColumn));
      f.times(across.count, () => {
        tile(down, across);
        f.inc(tileAt, 4 * pixel * step);
        f.inc(values, 4 * pixel);
      });
    }
  };
  f.for(row, from, to, 1, () => {
    const pick = (index: number): void => {
      const down = tiles.down[index]!;
      if (index === tiles.down.length - 1) tileRow(down);
      else
        f.if(
          f.i32.ltU(row, down.first + down.count),
          () => tileRow(down),
          () => pick(index + 1),
        );
    };
    pick(0);
  });
}

const tileParameters = ['i32', 'i32', 'i32', 'i32'] as const;

/**
 * values[i][j][tile][channel] of the tiles of rows from..to: core(image, values, from, to). `space`: bytes from value (i, j) to
 * the next.
 */
export function tilesToValuesCore(module: Module, matrix: Matrix, tiles: TileImage, space: number): Func {
  const n = matrix.length;
  const key = `winograd in ${matrix.flat().join()} ${keyOf(tiles)} ${space}`;
  return module.core(key, tileParameters, (f) => {
    const parameters = f.params() as [Local, Local, Local, Local];
    const spare = transformSpace(f, matrix);
    eachTile(f, tiles, parameters, ({ down, across, pixelAt, valueAt }) =>
      emitTransform(
        f,
        {
          matrix,
          kind: 'expand',
          load: (i, j) => {
            if (i < down.low || i >= down.high || j < across.low || j >= across.high) return null;
            return f.load(pixelAt, 4 * tiles.pixel * ((i - down.low) * tiles.width + j - across.low));
          },
          store: (i, j, value) => f.store(valueAt, (i * n + j) * space, value),
        },
        spare,
      ),
    );
  });
}

/** The outputs of the tiles of rows from..to from their products, plus the bias: core(image, values, from, to, bias). */
export function valuesToTilesCore(
  module: Module,
  matrix: Matrix,
  tiles: TileImage,
  space: number,
  hasBias: boolean,
): Func {
  const n = matrix[0]!.length;
  const key = `winograd out ${matrix.flat().join()} ${keyOf(tiles)} ${space} ${hasBias}`;
  return module.core(key, [...tileParameters, 'i32'], (f) => {
    const [image, values, from, to, bias] = f.params() as [Local, Local, Local, Local, Local];
    const spare = transformSpace(f, matrix);
    const added = f.local('v128');
    eachTile(f, tiles, [image, values, from, to], ({ down, across, pixelAt, valueAt }) => {
      if (hasBias) f.set(added, f.load(f.i32.add(bias, f.i32.sub(valueAt, values))));
      emitTransform(
        f,
        {
          matrix,
          kind: 'contract',
          rows: down.high,
          columns: across.high,
          load: (i, j) => f.load(valueAt, (i * n + j) * space),
          store: (i, j, value) =>
            f.store(pixelAt, 4 * tiles.pixel * (i * tiles.width + j), hasBias ? f.v.add(value, added) : value),
        },
        spare,
      );
    });
  });
}

/** Filters as the transform finds them: rows of `width` vectors of outputs. All steps in bytes. */
export interface FilterSpec {
  /** Rows (channels that are summed over), and bytes from row to row and from tap to tap. */
  readonly depth: number;
  readonly row: number;
  readonly tap: number;
  /** Vectors of a row: one panel of the product. */
  readonly width: number;
  /** Bytes from one transformed matrix to the next. */
  readonly space: number;
}

/** values[i][j][row][vector] of one panel of filters: core(filters, values). */
export function filtersToValuesCore(module: Module, matrix: Matrix, spec: FilterSpec): Func {
  const n = matrix.length;
  const key = `winograd filter ${matrix.flat().join()} ${Object.values(spec).join(' ')}`;
  return module.core(key, ['i32', 'i32'], (f) => {
    const [filters, values] = f.params() as [Local, Local];
    const k = f.local('i32');
    const spare = transformSpace(f, matrix);
    f.for(k, 0, spec.depth, 1, () => {
      for (let v = 0; v < spec.width; v++) {
        emitTransform(
          f,
          {
            matrix,
            kind: 'expand',
            load: (i, j) => f.load(filters, (3 * i + j) * spec.tap + 16 * v),
            store: (i, j, value) => f.store(values, (i * n + j) * spec.space + 16 * v, value),
          },
          spare,
        );
      }
      f.inc(filters, spec.row);
      f.inc(values, 16 * spec.width);
    });
  });
}

/** Gradient of the filters, `size` bytes per tap, from the sums of products: core(values, gradient). */
export function valuesToFiltersCore(module: Module, matrix: Matrix, size: number, space: number): Func {
  const n = matrix[0]!.length;
  const key = `winograd filter gradient ${matrix.flat().join()} ${size} ${space}`;
  return module.core(key, ['i32', 'i32'], (f) => {
    const [values, gradient] = f.params() as [Local, Local];
    const [at, source, target] = f.locals('i32', 3) as [Local, Local, Local];
    const spare = transformSpace(f, matrix);
    f.for(at, 0, size, 16, () => {
      f.set(source, f.i32.add(values, at));
      f.set(target, f.i32.add(gradient, at));
      emitTransform(
        f,
        {
          matrix,
          kind: 'contract',
          load: (i, j) => f.load(source, (i * n + j) * space),
          store: (i, j, value) => f.store(target, (3 * i + j) * size, value),
        },
        spare,
      );
    });
  });
}

export interface ProductSpec {
  readonly matrices: WinogradMatrices;
  /** Channels summed over and their floats per tile, vectors of results. */
  readonly depth: number;
  readonly pixel: number;
  readonly vectors: number;
  /** Bytes from one matrix to the next of the values, the filters and the products. */
  readonly valueSpace: number;
  readonly filterSpace: number;
  readonly productSpace: number;
}

/** products[ij][tile] = values[ij][tile] filters[ij] for all n * n matrices: core(values, filters, products, tiles). */
export function productCore(module: Module, spec: ProductSpec, counts: readonly number[]): Func {
  const { matrices, ...rest } = spec;
  const count = matrices.n ** 2;
  const key = `winograd product ${count} ${Object.values(rest).join(' ')} ${counts.join()}`;
  return module.core(key, ['i32', 'i32', 'i32', 'i32'], (f) => {
    const [values, filters, products, tiles] = f.params() as [Local, Local, Local, Local];
    const { depth, pixel, vectors } = spec;
    const gemm = gemmCore(
      module,
      { depth, vectors, aRow: 4 * pixel, aStep: 4, packed: true, bStep: 0, cRow: 16 * vectors, bias: false },
      counts,
    );
    f.times(count, () => {
      f.run(f.call(gemm, values, filters, products, 0, tiles));
      f.inc(values, spec.valueSpace);
      f.inc(filters, spec.filterSpace);
      f.inc(products, spec.productSpace);
    });
  });
}

export interface GradientSpec {
  readonly matrices: WinogradMatrices;
  readonly channels: number;
  readonly pixel: number;
  readonly vectors: number;
  readonly valueSpace: number;
  readonly gradientSpace: number;
  readonly sumSpace: number;
}

/** sums[ij] += values[ij]^T gradients[ij], summed over the tiles: core(values, gradients, sums, tiles). */
export function gradientProductCore(module: Module, spec: GradientSpec, counts: readonly number[]): Func {
  const { matrices, ...rest } = spec;
  const count = matrices.n ** 2;
  const key = `winograd gradient product ${count} ${Object.values(rest).join(' ')} ${counts.join()}`;
  return module.core(key, ['i32', 'i32', 'i32', 'i32'], (f) => {
    const [values, gradients, sums, tiles] = f.params() as [Local, Local, Local, Local];
    const { channels, pixel, vectors } = spec;
    f.times(count, () => {
      for (const depth of new Set(counts)) {
        const gemm = gemmCore(
          module,
          {
            ...{ depth, vectors, aRow: 4, aStep: 4 * pixel, packed: false, bStep: 16 * vectors, cRow: 16 * vectors },
            ...{ bias: false, accumulate: true },
          },
          [channels],
        );
        f.if(f.i32.eq(tiles, depth), () => f.run(f.call(gemm, values, gradients, sums, 0, channels)));
      }
      f.inc(values, spec.valueSpace);
      f.inc(gradients, spec.gradientSpace);
      f.inc(sums, spec.sumSpace);
    });
  });
}
