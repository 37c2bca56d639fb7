/**
 * A matrix with orthonormal rows, or with orthonormal columns where there are more rows than columns: the Q of the QR
 * factorisation of a matrix of standard normal draws, its columns turned so that the diagonal of R is positive. So Q is drawn
 * evenly from all such matrices (Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
 * linear neural networks", ICLR 2014, arXiv:1312.6120; Mezzadri, "How to generate random matrices from the classical compact
 * groups", 2007). Householder reflections in float64.
 * @param normal row-major [rows, columns]; not changed
 */
export function orthogonalRows(normal: Float64Array, rows: number, columns: number): Float64Array {
  const wide = rows < columns;
  const height = wide ? columns : rows;
  const width = wide ? rows : columns;
  // One array per column of the tall matrix, so that all inner loops run along memory.
  const a = Array.from({ length: width }, (_, j) =>
    Float64Array.from({ length: height }, (__, i) => (wide ? normal[j * columns + i]! : normal[i * columns + j]!)),
  );
  const diagonal = new Float64Array(width);
  for (let k = 0; k < width; k++) {
    const v = a[k]!;
    diagonal[k] = reflector(v, k);
    for (let j = k + 1; j < width; j++) reflect(v, a[j]!, k);
  }
  const out = new Float64Array(rows * columns);
  const q = new Float64Array(height);
  for (let j = 0; j < width; j++) {
    q.fill(0);
    q[j] = diagonal[j]! < 0 ? -1 : 1;
    for (let k = j; k >= 0; k--) reflect(a[k]!, q, k);
    for (let i = 0; i < height; i++) out[wide ? j * columns + i : i * columns + j] = q[i]!;
  }
  return out;
}

/**
 * Turns v[k..] into the unit vector u of the reflection I - 2 u u^T that brings it to the first axis, and gives the value that
 * it has there. All zero: no reflection (u = 0).
 */
function reflector(v: Float64Array, k: number): number {
  let squares = 0;
  for (let i = k; i < v.length; i++) squares += v[i]! * v[i]!;
  const length = Math.sqrt(squares);
  if (length === 0) return 0;
  // away from the present value, so that nothing cancels
  const target = v[k]! > 0 ? -length : length;
  v[k]! -= target;
  let rest = 0;
  for (let i = k; i < v.length; i++) rest += v[i]! * v[i]!;
  const scale = 1 / Math.sqrt(rest);
  for (let i = k; i < v.length; i++) v[i]! *= scale;
  return target;
}

/** x -= 2 u (u . x), both from place k on. */
function reflect(u: Float64Array, x: Float64Array, k: number): void {
  let dot = 0;
  for (let i = k; i < x.length; i++) dot += u[i]! * x[i]!;
  dot *= 2;
  for (let i = k; i < x.length; i++) x[i]! -= dot * u[i]!;
}
