const twoOverSqrtPi = 2 / Math.sqrt(Math.PI);

/** Below it the series converges in few terms, from it on the continued fraction does. */
const seriesLimit = 2.5;

/**
 * erf(x) = 2/sqrt(pi) exp(-x^2) sum over n of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)): terms of one sign, so nothing cancels
 * (Abramowitz and Stegun 7.1.6).
 */
function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return twoOverSqrtPi * Math.exp(-x * x) * sum;
}

/** erfc(x) for x >= seriesLimit: exp(-x^2) / sqrt(pi) / (x + (1/2)/(x + (2/2)/(x + (3/2)/(x + ...)))) (7.1.14), from the far end. */
function erfcFraction(x: number): number {
  let denominator = x;
  for (let n = 60; n >= 1; n--) denominator = x + n / 2 / denominator;
  return (0.5 * twoOverSqrtPi * Math.exp(-x * x)) / denominator;
}

/** 1 - erf(x) with a relative error below 2e-13, however small it is. */
export function erfc(x: number): number {
  if (x >= seriesLimit) return erfcFraction(x);
  if (x <= -seriesLimit) return 2 - erfcFraction(-x);
  return 1 - erfSeries(x);
}

/** The standard normal distribution function. */
export function normalCdf(x: number): number {
  return 0.5 * erfc(-x / Math.SQRT2);
}

/** The standard normal density. */
export function normalPdf(x: number): number {
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}
