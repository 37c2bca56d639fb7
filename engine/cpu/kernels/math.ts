import type { Expr, Func, Local } from '../asm/func.ts';

/**
 * Below this a gradient or moment counts as zero. Denormals cost a hundredfold, and gradients (1e-20 or more) times
 * activations (1e-17 or more) are none yet.
 */
const negligible = 1e-20;
/** The same for activations, and for gradients that are squared. */
export const negligibleFactor = 1e-17;

/** value, or 0 where |value| < limit. A NaN stays. `value` is used twice. */
export function flush(f: Func, value: Expr, limit = negligible): Expr {
  return f.v.andnot(value, f.v.lt(f.v.abs(value), f.vec(limit)));
}

/** low <= value <= high; a NaN stays (it is the first operand of both). */
export function clamp(f: Func, value: Expr, low: number, high: number): Expr {
  return f.v.pmax(f.v.pmin(value, f.vec(high)), f.vec(low));
}

const log2e = 1.4426950408889634;
/** ln 2 in two parts, the first with few enough bits that its multiples by whole numbers up to 2^9 are exact. */
const ln2High = 0.693145751953125;
const ln2Low = 1.42860682030941723212e-6;
/** Adding and subtracting 1.5 * 2^23 rounds to a whole number, which then stands in the low bits. */
const roundingBias = 12582912;
/** exp(r) = 1 + r + r^2 (1/2 + r p(r)) on |r| <= ln 2 / 2: Cephes' minimax polynomial for expf. */
const expPolynomial = [
  1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
];
/** exp(87) and exp(-87) are normal float32 numbers. */
export const expLimit = 87;

/** Polynomial with the highest coefficient first. `x` is used several times. */
export function horner(f: Func, coefficients: readonly number[], x: Expr): Expr {
  const [first, ...rest] = coefficients.map((c) => f.vec(c));
  return rest.reduce((sum, c) => f.madd(sum, x, c), first!);
}

/** x = r + k ln 2 with whole k and |r| <= ln 2 / 2: target = exp(r) - 1, and k in the low bits of `spare`. */
function emitReducedExpm1(f: Func, target: Local, x: Expr, spare: Local): void {
  f.set(target, x);
  f.set(spare, f.madd(target, f.vec(log2e), f.vec(roundingBias)));
  const rounded = f.v.sub(spare, f.vec(roundingBias));
  f.set(target, f.nmadd(rounded, f.vec(ln2High), target));
  f.set(target, f.nmadd(rounded, f.vec(ln2Low), target));
  f.set(target, f.madd(horner(f, expPolynomial, target), f.v.mul(target, target), target));
}

/** 2^k for k in the low bits of `spare`. */
function powerOfTwo(f: Func, spare: Local): Expr {
  return f.vi.add(f.vi.shl(spare, 23), f.ivec(0x3f800000));
}

/** target = exp(x) for x within -87..88 (clamp it first), about 1 ulp; NaN gives NaN. `spare` is overwritten. */
export function emitExp(f: Func, target: Local, x: Expr, spare: Local): void {
  emitReducedExpm1(f, target, x, spare);
  f.set(target, f.v.mul(f.v.add(target, f.vec(1)), powerOfTwo(f, spare)));
}

/** target = exp(x) - 1 for x within -87..88, without loss of digits near 0; NaN gives NaN. `spare` is overwritten. */
export function emitExpm1(f: Func, target: Local, x: Expr, spare: Local): void {
  emitReducedExpm1(f, target, x, spare);
  f.set(spare, powerOfTwo(f, spare));
  f.set(target, f.madd(target, spare, f.v.sub(spare, f.vec(1))));
}

/** ln(1 + x) = 2 atanh(s) = 2 s (1 + s^2/3 + s^4/5 + ...), s = x / (x + 2) <= 1/3: the first term left out is below 2e-9. */
const atanhSeries = [1 / 15, 1 / 13, 1 / 11, 1 / 9, 1 / 7, 1 / 5, 1 / 3, 1];

/** target = ln(1 + x) for 0 <= x <= 1, about 2 ulp; NaN gives NaN. `spare` is overwritten. */
export function emitLog1p(f: Func, target: Local, x: Expr, spare: Local): void {
  f.set(target, x);
  f.set(target, f.v.div(target, f.v.add(target, f.vec(2))));
  f.set(spare, f.v.mul(target, target));
  f.set(target, f.v.mul(f.v.add(target, target), horner(f, atanhSeries, spare)));
}

/** The float32 sqrt(1/2) as bits, and where a float32's exponent begins. */
const rootHalfBits = 0x3f3504f3;
const exponentShift = 23;

/** target = ln(x) for x from 1 to 2^100, about 2 ulp; a NaN or infinity gives NaN. `x` is kept, `spares` are overwritten. */
export function emitLogFrom1(f: Func, target: Local, x: Local, spares: readonly [Local, Local]): void {
  const [exponent, s] = spares;
  // x = m * 2^k with sqrt(1/2) <= m < sqrt(2); ln m = 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.172.
  f.set(exponent, f.vi.shrU(f.vi.sub(x, f.ivec(rootHalfBits)), exponentShift));
  f.set(s, f.vi.sub(x, f.vi.shl(exponent, exponentShift)));
  f.set(s, f.v.div(f.v.sub(s, f.vec(1)), f.v.add(s, f.vec(1))));
  f.set(target, f.v.mul(s, s));
  f.set(target, f.v.mul(f.v.add(s, s), horner(f, atanhSeries.slice(3), target)));
  f.set(exponent, f.v.convertU(exponent));
  f.set(target, f.madd(exponent, f.vec(ln2High), f.madd(exponent, f.vec(ln2Low), target)));
  f.set(target, f.v.add(target, f.v.sub(x, x)));
}

/** Natural logarithm of a positive f64, to some 1e-16 relative. `x` is overwritten; a NaN or infinity passes through. */
export function emitLog(f: Func, target: Local, x: Local, bits: Local, exponent: Local): void {
  f.set(target, x);
  f.if(f.f64.lt(f.f64.sub(x, x), f.double(1)), () => {
    f.set(bits, f.i64.fromBitsF64(x));
    f.set(exponent, f.i32.sub(f.i32.wrapI64(f.i64.shrU(bits, f.long(52))), 1023));
    // x = m * 2^exponent with 1 <= m < 2, then sqrt(1/2) <= m < sqrt(2).
    f.set(bits, f.i64.or(f.i64.and(bits, f.bits64(0x000fffff, -1)), f.bits64(0x3ff00000, 0)));
    f.set(x, f.f64.fromBitsI64(bits));
    f.if(f.f64.gt(x, f.double(Math.SQRT2)), () => {
      f.set(x, f.f64.mul(x, f.double(0.5)));
      f.inc(exponent, 1);
    });
    // ln m = 2 atanh(s) = 2 s (1 + s^2/3 + s^4/5 + ...), s = (m - 1) / (m + 1), |s| < 0.172.
    f.set(x, f.f64.div(f.f64.sub(x, f.double(1)), f.f64.add(x, f.double(1))));
    f.set(target, f.f64.mul(x, x));
    let series: Expr = f.double(1 / 21);
    for (let k = 19; k >= 1; k -= 2) {
      const inner = series;
      series = f.f64.add(f.f64.mul(inner, target), f.double(1 / k));
    }
    f.set(x, f.f64.mul(f.f64.mul(x, f.double(2)), series));
    f.set(target, f.f64.add(x, f.f64.mul(f.f64.convertS(exponent), f.double(Math.LN2))));
  });
}
