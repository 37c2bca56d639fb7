import { f32 } from '../wgsl.ts';

/** Horner's rule: coefficients from the highest power down. */
export const horner = (x: string, coefficients: readonly number[]): string =>
  coefficients.slice(1).reduce((sum, c) => `(${sum} * ${x} + ${f32(c)})`, f32(coefficients[0]!));

const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
/** 1/n! for n from `most` down to 1. */
const exponentialSeries = (most: number): number[] => Array.from({ length: most }, (_, i) => 1 / factorial(most - i));

/**
 * WGSL's own tanh may be off by 1e-5 and overflow for large arguments, and it has no expm1 and log1p. Here, of exp and log
 * alone: errors are a few units in the last place also near 0, and NaN passes through.
 */
export const exponentials = `
fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}
/** e^x - 1. Below 1/2 the series: its first term left out is below 1e-9. */
fn expm1(x: f32) -> f32 {
  if (abs(x) < 0.5) { return x * ${horner('x', exponentialSeries(9))}; }
  return exp(x) - 1.0;
}
fn tanh_exact(x: f32) -> f32 {
  let e = expm1(-2.0 * abs(x));
  let t = -e / (2.0 + e);
  return select(t, -t, x < 0.0);
}
/** ln(1 + e) for e in [0, 1]: 2 artanh(z) with z = e / (2 + e), at most 1/3. */
fn log1p_unit(e: f32) -> f32 {
  let z = e / (2.0 + e);
  let s = z * z;
  return 2.0 * z * ${horner(
    's',
    [15, 13, 11, 9, 7, 5, 3, 1].map((n) => 1 / n),
  )};
}
fn softplus(x: f32) -> f32 { return select(0.0, x, !(x <= 0.0)) + log1p_unit(exp(-abs(x))); }`;

/**
 * The standard normal distribution: Phi(x) from erfc(z), z = |x| / sqrt(2). Up to z = 2 by erf's series, in which terms of
 * one sign add up (Abramowitz and Stegun 7.1.6), beyond by the continued fraction (7.1.14), which keeps the relative accuracy
 * of the small tail.
 */
export const normalDistribution = `
fn normal_pdf(x: f32) -> f32 { return ${f32(1 / Math.sqrt(2 * Math.PI))} * exp(-0.5 * x * x); }
fn normal_cdf(x: f32) -> f32 {
  let z = abs(x) * ${f32(Math.SQRT1_2)};
  let gauss = ${f32(1 / Math.sqrt(Math.PI))} * exp(-z * z);
  var tail: f32;
  if (z < 2.0) {
    var term = z;
    var sum = z;
    for (var n = 1u; n < 30u; n++) {
      term *= 2.0 * z * z / f32(2u * n + 1u);
      sum += term;
    }
    tail = 0.5 - gauss * sum;
  } else {
    var fraction = z;
    for (var n = 24u; n > 0u; n--) { fraction = z + 0.5 * f32(n) / fraction; }
    tail = 0.5 * gauss / fraction;
  }
  return select(1.0 - tail, tail, x < 0.0);
}`;
