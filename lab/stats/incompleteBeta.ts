import { continuedFraction } from './continuedFraction.ts';
import { stirlingRest } from './stirling.ts';

/**
 * The continued fraction of the incomplete beta function I_x(a, b) (NIST DLMF 8.17.22), which is x^a (1-x)^b / (a B(a, b)) times
 * the value. It converges fast for x < (a + 1) / (a + b + 2).
 */
export function betaFraction(x: number, a: number, b: number): number {
  const fraction = continuedFraction(1, (n) => {
    const m = Math.floor(n / 2);
    const d =
      n % 2 === 0
        ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
        : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    return [d, 1];
  });
  return 1 / fraction;
}

/** ln(x^a y^b / B(a, b)) for x + y = 1: the large logarithms are taken relative to the peak at a / (a + b). */
function logFront(x: number, y: number, a: number, b: number): number {
  const sum = a + b;
  return (
    a * Math.log((x * sum) / a) +
    b * Math.log((y * sum) / b) +
    0.5 * Math.log((a * b) / sum / (2 * Math.PI)) +
    stirlingRest(sum) -
    stirlingRest(a) -
    stirlingRest(b)
  );
}

/**
 * The regularised incomplete beta function I_x(a, b) and 1 - I_x(a, b), for a, b > 0. Both x and y = 1 - x are given, so that
 * neither has been rounded to 0 or 1 on the way.
 */
export function incompleteBeta(x: number, y: number, a: number, b: number): { lower: number; upper: number } {
  if (x <= 0) return { lower: 0, upper: 1 };
  if (y <= 0) return { lower: 1, upper: 0 };
  const front = Math.exp(logFront(x, y, a, b));
  if (x < (a + 1) / (a + b + 2)) {
    const lower = (front * betaFraction(x, a, b)) / a;
    return { lower, upper: 1 - lower };
  }
  const upper = (front * betaFraction(y, b, a)) / b;
  return { lower: 1 - upper, upper };
}
