import { logGamma } from './logGamma.ts';

/** From here on the series below, cut after 1 / x^11, is exact to double precision. */
const seriesFrom = 10;

const halfLogTwoPi = 0.5 * Math.log(2 * Math.PI);

/**
 * What Stirling's formula leaves out: ln gamma(x) - ((x - 1/2) ln x - x + ln(2 pi) / 2), for x > 0 (NIST DLMF 5.11.1). With it
 * ratios of gamma functions keep their digits, since the large logarithms cancel on paper instead of in the machine.
 */
export function stirlingRest(x: number): number {
  if (x < seriesFrom) return logGamma(x) - ((x - 0.5) * Math.log(x) - x + halfLogTwoPi);
  const r = 1 / x;
  const s = r * r;
  const tail = 1 / 1260 + s * (-1 / 1680 + s * (1 / 1188 + s * (-691 / 360360)));
  return r * (1 / 12 + s * (-1 / 360 + s * tail));
}
