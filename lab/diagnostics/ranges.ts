import type { HealthyRange, Measure } from '../contract/diagnosticsRecords.ts';

/**
 * What counts as healthy, in one place: findings, charts and documentation read it. These are rules of thumb for a network that
 * learns, not laws; each has its reason beside it.
 */
export const healthyRanges: readonly HealthyRange[] = [
  {
    measure: 'saturation',
    low: null,
    high: 0.5,
    why: 'Within 0.05 of a limit the derivative of a sigmoid is below 0.05, of tanh below 0.1: most of the gradient is lost there.',
  },
  {
    measure: 'deadFraction',
    low: null,
    high: 0.4,
    why: 'A ReLU that no image of the batch makes fire gets no gradient from it.',
  },
  {
    measure: 'updateRatio',
    low: 1e-4,
    high: 1e-2,
    why: 'A step of about a thousandth of the weights is usual for a network that learns well.',
  },
  {
    measure: 'bnVarianceShift',
    low: null,
    high: 2,
    why: 'Evaluation divides by the moving variance; where the batch has another one, the layers above see values they were not trained on.',
  },
  {
    measure: 'bnMeanGap',
    low: null,
    high: 1,
    why: 'Evaluation subtracts the moving mean; the gap is counted in moving standard deviations.',
  },
  {
    measure: 'std',
    low: 1e-3,
    high: 100,
    why: 'Values that hardly differ between images carry nothing on; very large ones lead to losses that overflow.',
  },
  {
    measure: 'gradientNorm',
    low: 1e-7,
    high: 100,
    why: 'Below, float32 updates vanish beside the weights; above, a single step can undo the training.',
  },
  {
    measure: 'drift',
    low: null,
    high: 1,
    why: 'From one probe to the next the 15th, 50th and 85th percentile should move by less than the band between them.',
  },
];

export const healthy = (measure: Measure): HealthyRange | undefined =>
  healthyRanges.find((range) => range.measure === measure);

/** Gradient of the first layer beside that of the last, per weight: below, the gradient has vanished on its way down. */
export const vanishingRatio = 0.01;
/** A part of the training time; more is too much for a cadence. */
export const highestCost = 0.05;
