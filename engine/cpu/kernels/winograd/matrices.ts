/**
 * The transforms of a one-dimensional Winograd convolution F(m, 3): y = A^T ((G g) * (B^T d)) gives m outputs of a filter g of
 * 3 taps over n = m + 2 inputs d with n products (Winograd 1980; Lavin and Gray, CVPR 2016). A filter gradient runs the same
 * way with the roles exchanged: dg = G^T ((B^T d) * (A dy)).
 */
export interface WinogradMatrices {
  /** Outputs per tile. */
  readonly m: number;
  /** Inputs per tile and products: m + 2. */
  readonly n: number;
  /** n x n, applied to inputs. */
  readonly inputs: Matrix;
  /** n x 3, applied to filters. */
  readonly filter: Matrix;
  /** m x n, applied to products. */
  readonly outputs: Matrix;
}
export type Matrix = readonly (readonly number[])[];

export const taps = 3;

/** Coefficients, lowest power first, of the product of (x - root). */
function polynomial(roots: readonly number[]): number[] {
  return roots.reduce<number[]>(
    (sum, root) => [...sum, 0].map((_, k) => (sum[k - 1] ?? 0) - root * (sum[k] ?? 0)),
    [1],
  );
}

/** The transforms for m + 1 finite interpolation points and infinity (Toom and Cook). */
export function winogradMatrices(points: readonly number[]): WinogradMatrices {
  const m = points.length - 1;
  const n = m + taps - 1;
  const others = (j: number): number[] => points.filter((_, l) => l !== j);
  const filter = points.map((p, j) => {
    const scale = others(j).reduce((product, q) => product * (p - q), 1);
    return Array.from({ length: taps }, (_, k) => p ** k / scale);
  });
  const inputs = points.map((_, j) => [...polynomial(others(j)), 0]);
  const outputs = Array.from({ length: m }, (_, i) => [...points.map((p) => p ** i), i === m - 1 ? 1 : 0]);
  return {
    m,
    n,
    filter: [...filter, Array.from({ length: taps }, (_, k) => (k === taps - 1 ? 1 : 0))],
    inputs: [...inputs, polynomial(points)],
    outputs,
  };
}

export function transpose(matrix: Matrix): Matrix {
  return matrix[0]!.map((_, column) => matrix.map((row) => row[column]!));
}
