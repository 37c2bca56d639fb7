/** Lanczos' approximation with g = 7 and 9 terms (Godfrey's coefficients): relative error of gamma below 1e-14. */
const coefficients = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** ln gamma(x) for x > 0. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  const z = x - 1;
  const t = z + 7.5;
  let sum = coefficients[0]!;
  for (let i = 1; i < coefficients.length; i++) sum += coefficients[i]! / (z + i);
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** Below it the two logarithms are small enough to be subtracted. */
const asymptoticFrom = 40;

/**
 * ln(gamma(a + 1/2) / gamma(a)) for a > 0. For large a the difference of two large logarithms would lose digits; there it is
 * the asymptotic series (Abramowitz & Stegun 6.1.47 for this ratio), whose first term left out is below 1e-17 from a = 40 on.
 */
export function logGammaHalfStep(a: number): number {
  if (a < asymptoticFrom) return logGamma(a + 0.5) - logGamma(a);
  const r = 1 / a;
  const r2 = r * r;
  return 0.5 * Math.log(a) + r * (-1 / 8 + r2 * (1 / 192 + r2 * (-1 / 640 + r2 * (17 / 14336 + r2 * (-31 / 18432)))));
}
