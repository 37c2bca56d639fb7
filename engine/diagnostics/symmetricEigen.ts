export interface SymmetricEigen {
  /** Descending. */
  readonly values: Float64Array;
  /** [n, n]: row k is the unit eigenvector of value k; its component of largest size (the first such) is positive. */
  readonly vectors: Float64Array;
}

/** Shifted steps that one eigenvalue may take; it usually takes one or two. */
const mostSteps = 60;

/**
 * All eigenvalues and eigenvectors of a symmetric matrix [n, n], whose lower triangle is not looked at: Householder's reduction to
 * a tridiagonal matrix, then implicit QR steps with Wilkinson's shift (Golub and Van Loan, Matrix Computations, 8.3). Errors of the
 * values are about 1e-15 times the largest. The time grows with n³; 784 × 784 takes a few seconds. `tell` hears how far it is, from 0
 * to 1.
 */
export function symmetricEigen(matrix: ArrayLike<number>, n: number, tell?: (done: number) => void): SymmetricEigen {
  if (matrix.length !== n * n) throw new RangeError(`${matrix.length} values are no ${n}×${n} matrix.`);
  let largest = 0;
  for (let i = 0; i < matrix.length; i++) {
    // of the upper triangle alone: in units of anything larger, its own squares could vanish
    if (i % n >= Math.floor(i / n)) largest = Math.max(largest, Math.abs(matrix[i]!));
    if (!Number.isFinite(matrix[i]))
      throw new RangeError('A matrix with a value that is not finite has no eigenvalues.');
  }
  // a power of two: squares of very large or small entries stay in range, and no digit is lost
  const unit = largest === 0 ? 1 : 2 ** Math.floor(Math.log2(largest));
  const { diagonal, off, basis } = tridiagonal(symmetric(matrix, n, unit), n, tell);
  diagonalise(diagonal, off, basis, n, tell);
  return ordered(
    diagonal.map((value) => value * unit),
    basis,
    n,
  );
}

/** What share of the time has passed behind the reduction to a tridiagonal matrix, and behind its basis: measured for 784 × 784. */
const [reduced, based] = [0.27, 0.54];

interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** off[i] couples i and i + 1. */
  readonly off: Float64Array;
  /** [n, n]: rows are the vectors in which the matrix is tridiagonal. Rows, so that every inner loop runs along memory. */
  readonly basis: Float64Array;
}

/** The upper triangle in units of `unit`, mirrored. */
function symmetric(matrix: ArrayLike<number>, n: number, unit: number): Float64Array {
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = i; j < n; j++) a[i * n + j] = a[j * n + i] = matrix[i * n + j]! / unit;
  return a;
}

/** Reduces `a`, of which it makes its own use. */
function tridiagonal(a: Float64Array, n: number, tell?: (done: number) => void): Tridiagonal {
  const diagonal = new Float64Array(n);
  const off = new Float64Array(n);
  const scales = new Float64Array(n);
  const product = new Float64Array(n);
  for (let k = 0; k < n - 1; k++) {
    // what is left to do falls with the third power of what is left of the matrix
    tell?.(reduced * (1 - (1 - k / n) ** 3));
    // row k behind the diagonal becomes the reflection's vector v; H = I - scale v v' maps it to a multiple of the first axis
    const row = k * n;
    const scale = reflection(a, row + k + 1, n - k - 1);
    scales[k] = scale.factor;
    off[k] = scale.image;
    if (scale.factor === 0) continue;
    let overlap = 0;
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += a[i * n + j]! * a[row + j]!;
      product[i] = scale.factor * sum;
      overlap += product[i]! * a[row + i]!;
    }
    const half = 0.5 * scale.factor * overlap;
    for (let i = k + 1; i < n; i++) product[i]! -= half * a[row + i]!;
    for (let i = k + 1; i < n; i++) {
      const vi = a[row + i]!;
      const wi = product[i]!;
      for (let j = k + 1; j < n; j++) a[i * n + j]! -= vi * product[j]! + wi * a[row + j]!;
    }
  }
  for (let i = 0; i < n; i++) diagonal[i] = a[i * n + i]!;
  return { diagonal, off, basis: accumulate(a, scales, n, tell) };
}

/**
 * Replaces the vector x at `from` by v with (I - factor v v') x = image e1. Scaled by its largest component, so that no square
 * overflows or vanishes. factor is 0 where nothing needs to be reflected.
 */
function reflection(a: Float64Array, from: number, length: number): { factor: number; image: number } {
  let rest = 0;
  for (let i = 1; i < length; i++) rest = Math.max(rest, Math.abs(a[from + i]!));
  const first = a[from]!;
  if (rest === 0) return { factor: 0, image: first };
  const unit = Math.max(rest, Math.abs(first));
  let squares = 0;
  for (let i = 0; i < length; i++) {
    a[from + i]! /= unit;
    squares += a[from + i]! ** 2;
  }
  const norm = Math.sqrt(squares);
  const image = a[from]! > 0 ? -norm : norm;
  a[from]! -= image;
  return { factor: -1 / (image * a[from]!), image: image * unit };
}

/** The product of the reflections, whose vectors lie in the rows of `a` behind the diagonal. */
function accumulate(a: Float64Array, scales: Float64Array, n: number, tell?: (done: number) => void): Float64Array {
  const z = new Float64Array(n * n);
  for (let i = 0; i < n; i++) z[i * n + i] = 1;
  for (let k = n - 2; k >= 0; k--) {
    tell?.(reduced + (based - reduced) * (1 - (k + 1) / n) ** 3);
    const factor = scales[k]!;
    if (factor === 0) continue;
    const row = k * n;
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k + 1; j < n; j++) sum += z[i * n + j]! * a[row + j]!;
      sum *= factor;
      for (let j = k + 1; j < n; j++) z[i * n + j]! -= sum * a[row + j]!;
    }
  }
  return z;
}

/** Turns the tridiagonal matrix into a diagonal one by rotations, which turn the rows of `z` along. */
function diagonalise(
  d: Float64Array,
  e: Float64Array,
  z: Float64Array,
  n: number,
  tell?: (done: number) => void,
): void {
  let norm = 0;
  for (let i = 0; i < n; i++) norm = Math.max(norm, Math.abs(d[i]!), Math.abs(e[i]!));
  // below this a coupling is less than the rounding of everything before it, twice over
  const nothing = norm * Number.EPSILON ** 2;
  let end = n - 1;
  let steps = 0;
  while (end > 0) {
    let start = end;
    while (start > 0) {
      const coupling = Math.abs(e[start - 1]!);
      if (coupling <= nothing || coupling <= Number.EPSILON * (Math.abs(d[start - 1]!) + Math.abs(d[start]!))) break;
      start--;
    }
    if (start > 0) e[start - 1] = 0;
    if (start === end) {
      end--;
      steps = 0;
      tell?.(based + (1 - based) * (1 - ((end + 1) / n) ** 2));
      continue;
    }
    if (++steps > mostSteps) throw new Error(`An eigenvalue did not converge in ${mostSteps} steps.`);
    rotateDown(d, e, z, n, start, end);
  }
}

/** One implicit QR step on the block from `start` to `end`. */
function rotateDown(d: Float64Array, e: Float64Array, z: Float64Array, n: number, start: number, end: number): void {
  // Wilkinson's shift: the eigenvalue of the last 2x2 block that is nearer to its last element
  const last = e[end - 1]!;
  const half = (d[end - 1]! - d[end]!) / 2;
  const root = Math.hypot(half, last);
  const shift = d[end]! - (last * last) / (half + (half >= 0 ? root : -root));
  let x = d[start]! - shift;
  let bulge = e[start]!;
  for (let k = start; k < end; k++) {
    const r = Math.hypot(x, bulge);
    const c = r === 0 ? 1 : x / r;
    const s = r === 0 ? 0 : bulge / r;
    if (k > start) e[k - 1] = r;
    const a = d[k]!;
    const b = d[k + 1]!;
    const f = e[k]!;
    d[k] = c * c * a + 2 * c * s * f + s * s * b;
    d[k + 1] = s * s * a - 2 * c * s * f + c * c * b;
    e[k] = c * s * (b - a) + (c * c - s * s) * f;
    if (k + 1 < end) {
      x = e[k]!;
      bulge = s * e[k + 1]!;
      e[k + 1] = c * e[k + 1]!;
    }
    const upper = k * n;
    const lower = upper + n;
    for (let j = 0; j < n; j++) {
      const p = z[upper + j]!;
      const q = z[lower + j]!;
      z[upper + j] = c * p + s * q;
      z[lower + j] = c * q - s * p;
    }
  }
}

function ordered(d: Float64Array, z: Float64Array, n: number): SymmetricEigen {
  const order = Array.from(d.keys()).sort((i, j) => d[j]! - d[i]!);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    let largest = 0;
    for (let j = 0; j < n; j++) {
      if (Math.abs(z[from * n + j]!) > Math.abs(largest)) largest = z[from * n + j]!;
    }
    const sign = largest < 0 ? -1 : 1;
    for (let j = 0; j < n; j++) vectors[to * n + j] = sign * z[from * n + j]!;
  });
  return { values: Float64Array.from(order, (i) => d[i]!), vectors };
}
