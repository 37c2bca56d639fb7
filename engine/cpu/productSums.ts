import type { Expr, Local } from './asm/func.ts';
import { Module } from './asm/module.ts';

/** Images that are summed in 32 bits before the sums move on to doubles: 1024 products of bytes stay below 2^27. */
const block = 1024;
/** Features by features that one pass over the images of a block multiplies: 12 sums, 3 rows and a column in 16 vector registers. */
const [tileRows, tileColumns] = [3, 4] as const;

type RowKernel = (row: number) => void;

/**
 * The code for `padded` features: row(i) fills out[i .. i + 2][j] for all j from the tile of i on. The block lies transposed, i16 [padded,
 * block], from 0; out, i32 [padded, padded], behind it.
 */
function rowCode(padded: number): Uint8Array<ArrayBuffer> {
  const module = new Module({ relaxed: false, shared: false });
  const f = module.func('row', ['i32']);
  const [row] = f.params() as [Local];
  const [a, b, out, column, end, first] = f.locals('i32', 6) as [Local, Local, Local, Local, Local, Local];
  const sums = Array.from({ length: tileRows }, () => f.locals('v128', tileColumns));
  const rows = f.locals('v128', tileRows);
  const other = f.local('v128');
  const stride = 2 * block;
  const lanes = (vector: Expr): Expr =>
    f.i32.add(f.i32.add(f.ilane(vector, 0), f.ilane(vector, 1)), f.i32.add(f.ilane(vector, 2), f.ilane(vector, 3)));
  f.set(first, f.i32.mul(f.i32.shrU(row, 2), 4));
  f.for(column, first, padded, tileColumns, () => {
    f.set(a, f.i32.mul(row, stride));
    f.set(b, f.i32.mul(column, stride));
    f.set(end, f.i32.add(a, stride));
    for (const sum of sums.flat()) f.set(sum, f.ivec(0));
    f.for(a, a, end, 16, () => {
      rows.forEach((each, i) => f.set(each, f.load(a, i * stride)));
      for (let j = 0; j < tileColumns; j++) {
        f.set(other, f.load(b, j * stride));
        rows.forEach((each, i) => f.set(sums[i]![j]!, f.vi.add(sums[i]![j]!, f.vi.dot(each, other))));
      }
      f.inc(b, 16);
    });
    f.set(out, f.i32.add(f.i32.mul(f.i32.add(f.i32.mul(row, padded), column), 4), padded * stride));
    sums.forEach((line, i) => line.forEach((sum, j) => f.storeI32(out, 4 * (i * padded + j), lanes(sum))));
  });
  module.export(f);
  return module.build(pagesFor(padded));
}

const pagesFor = (padded: number): number => Math.ceil((padded * (2 * block + 4 * padded)) / 65_536);

/**
 * Sums over images of the products of all pairs of bytes, [F, F], of pairs i and j >= i; below the diagonal nothing. Whole numbers, and so
 * exact: the order counts for nothing. Eight products in an instruction, which is what makes a covariance of whole data sets take less than a
 * second. Null where the runtime has no SIMD.
 *
 * @param pixels u8 [M, F]
 * @param indices the images that are summed over
 * @param tell hears how far it is, from 0 to 1
 */
export function productSums(
  pixels: Uint8Array,
  indices: Int32Array,
  features: number,
  tell?: (done: number) => void,
): Float64Array | null {
  const padded = Math.ceil(features / 12) * 12;
  const code = rowCode(padded);
  if (!WebAssembly.validate(code)) return null;
  const memory = new WebAssembly.Memory({ initial: pagesFor(padded) });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(code), { engine: { memory } });
  const row = instance.exports['row'] as RowKernel;
  const transposed = new Int16Array(memory.buffer, 0, padded * block);
  const out = new Int32Array(memory.buffer, 2 * padded * block, padded * padded);
  const products = new Float64Array(features * features);
  for (let from = 0; from < indices.length; from += block) {
    const count = Math.min(block, indices.length - from);
    // what is left of an earlier block must not be counted again
    if (count < block) transposed.fill(0);
    for (let n = 0; n < count; n++) {
      const start = indices[from + n]! * features;
      for (let i = 0; i < features; i++) transposed[i * block + n] = pixels[start + i]!;
    }
    for (let i = 0; i < features; i += tileRows) row(i);
    for (let i = 0; i < features; i++) {
      for (let j = i; j < features; j++) products[i * features + j]! += out[i * padded + j]!;
    }
    tell?.((from + count) / indices.length);
  }
  return products;
}
