import { evenTiles } from '../microkernel.ts';

/** Consecutive tiles along one axis whose inputs fill the same places of the tile; the others are zeros of the padding. */
export interface TileRun {
  readonly first: number;
  readonly count: number;
  /** Places low <= i < high of the tile lie inside the image; none if they are equal. */
  readonly low: number;
  readonly high: number;
}

/** Tiles of `size` places that begin at step * tile - pad, over an image of `extent` pixels. */
export function tileRuns(tiles: number, step: number, size: number, pad: number, extent: number): TileRun[] {
  const runs: { first: number; count: number; low: number; high: number }[] = [];
  for (let tile = 0; tile < tiles; tile++) {
    const start = step * tile - pad;
    const low = Math.min(size, Math.max(0, -start));
    const high = Math.max(low, Math.min(size, extent - start));
    const last = runs.at(-1);
    if (last?.low === low && last.high === high) last.count++;
    else runs.push({ first: tile, count: 1, low, high });
  }
  return runs;
}

/** Rows of tiles that are transformed, multiplied and transformed back together, so that their products stay in the cache. */
export interface Blocking {
  /** Rows of tiles in each block: one or two different numbers. */
  readonly blocks: readonly number[];
  /** Most tiles in a block. */
  readonly most: number;
}

/** Bytes of transformed values that a block may fill: they should stay in a second-level cache of 512 KiB. */
const blockBytes = 320 * 1024;

/** `perTile`: bytes of transformed values per tile. */
export function blocking(tileRows: number, tileColumns: number, perTile: number): Blocking {
  const rows = Math.max(1, Math.floor(blockBytes / (perTile * tileColumns)));
  const blocks = evenTiles(tileRows, rows);
  return { blocks, most: blocks[0]! * tileColumns };
}

/**
 * Bytes from one matrix of transformed values to the next. The transforms write one vector into each of them in turn: at a
 * multiple of 4 KiB all would fall into the same set of the first-level cache.
 */
export function spacing(bytes: number): number {
  const lines = Math.ceil(bytes / 64);
  return 64 * (lines % 2 === 0 ? lines + 1 : lines);
}

/** Tiles that one product of a weight gradient should sum over: fewer, and loading and storing the sums would dominate. */
const tilesPerSum = 32;

/**
 * Images whose tiles are kept until they are multiplied together: a power of two that gives some `tilesPerSum` tiles, no more than
 * a slice has and the cache can hold.
 */
export function imagesTogether(tiles: number, perTile: number, sliceRows: number): number {
  let images = 1;
  while (images * tiles < tilesPerSum && 2 * images <= sliceRows && 2 * images * tiles * perTile <= 2 * blockBytes) {
    images *= 2;
  }
  return images;
}
