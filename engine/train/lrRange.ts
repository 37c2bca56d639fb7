/**
 * The learning-rate range test (Smith, "Cyclical learning rates for training neural networks", WACV 2017, arXiv:1506.01186): the rate
 * grows from step to step by the same factor, and the loss tells which rates train. Here: what is read off its curve.
 */
export interface RangePoint {
  readonly learningRate: number;
  readonly loss: number;
  /** Exponential average of the losses so far, corrected for its start as Adam's moments are. */
  readonly smoothed: number;
}

/** Why the sweep ended: at the highest rate, because the smoothed loss went far above its least, or at a loss without a value. */
export type RangeEnd = 'complete' | 'diverged' | 'nonFinite';

export interface RangeSuggestion {
  /** Rate where the smoothed loss falls fastest against the logarithm of the rate; null: it falls nowhere. */
  readonly steepest: number | null;
  /** A tenth of the rate at the least smoothed loss; null: the curve has no fall to begin with. */
  readonly tenthOfLeast: number | null;
  /** The smaller of the two. */
  readonly suggestion: number | null;
  /** In a sentence or two. */
  readonly reason: string;
}

/** Factor of the rate from one step to the next, so that `steps` steps lead from `lowest` to `highest`. */
export function rangeGrowth(lowest: number, highest: number, steps: number): number {
  return steps < 2 ? 1 : (highest / lowest) ** (1 / (steps - 1));
}

/** The curve of a sweep as it grows, and when it has gone far enough. */
export class RangeCurve {
  readonly points: RangePoint[] = [];
  readonly #smoothing: number;
  readonly #divergence: number;
  #average = 0;
  #weight = 0;
  #least = Infinity;

  /**
   * @param smoothing share of the average that stays with every step, 0 up to 1
   * @param divergence the sweep ends when the smoothed loss is more than this times its least
   */
  constructor(smoothing: number, divergence: number) {
    this.#smoothing = smoothing;
    this.#divergence = divergence;
  }

  /** Takes a step in; false once the loss has left all measure. */
  add(learningRate: number, loss: number): boolean {
    this.#average = this.#smoothing * this.#average + (1 - this.#smoothing) * loss;
    this.#weight = this.#smoothing * this.#weight + (1 - this.#smoothing);
    const smoothed = this.#average / this.#weight;
    this.points.push({ learningRate, loss, smoothed });
    this.#least = Math.min(this.#least, smoothed);
    return smoothed <= this.#divergence * this.#least;
  }
}

/** A fall of the smoothed loss by less than this part of what it began with is noise, not learning. */
const leastFall = 0.02;
/** What it began with: the mean loss over this part of the sweep, whose rates are too low to change anything. */
const startPart = 0.1;
/** Part of the sweep on either side over which the slope is fitted: over a few steps it would follow the noise of their batches. */
const reachPart = 0.05;
const leastReach = 2;

/** Reads the curve. Slopes are taken up to the least loss alone: behind it, a fall is the end of a bump. */
export function suggestRate(points: readonly RangePoint[]): RangeSuggestion {
  const begin = points.slice(0, Math.max(1, Math.ceil(points.length * startPart)));
  // the first averages are of a few batches only, and one of them may be low by luck
  let least = begin.length;
  for (let i = least; i < points.length; i++) if (points[i]!.smoothed < points[least]!.smoothed) least = i;
  const start = begin.reduce((sum, { loss }) => sum + loss, 0) / begin.length;
  if (least >= points.length || start - points[least]!.smoothed < leastFall * Math.abs(start)) {
    const reason =
      'The loss falls at no rate of the range. Try more steps or a range that reaches higher; if that does not help either, look at the initial weights and the preprocessing.';
    return { steepest: null, tenthOfLeast: null, suggestion: null, reason };
  }
  const reach = Math.max(leastReach, Math.round(points.length * reachPart));
  let steepest: number | null = null;
  let slope = 0;
  for (let i = Math.max(reach, begin.length); i + reach < points.length && i <= least; i++) {
    const rise = slopeOf(points.slice(i - reach, i + reach + 1));
    if (rise < slope) {
      slope = rise;
      steepest = points[i]!.learningRate;
    }
  }
  const tenthOfLeast = points[least]!.learningRate / 10;
  const suggestion = Math.min(steepest ?? Infinity, tenthOfLeast);
  return { steepest, tenthOfLeast, suggestion, reason: reasonOf(points[least]!, steepest, tenthOfLeast) };
}

/** Least-squares slope of the smoothed loss against the logarithm of the rate. */
function slopeOf(points: readonly RangePoint[]): number {
  const x = points.map(({ learningRate }) => Math.log(learningRate));
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  let [above, below] = [0, 0];
  points.forEach(({ smoothed }, i) => {
    above += (x[i]! - mean) * smoothed;
    below += (x[i]! - mean) ** 2;
  });
  return above / below;
}

function reasonOf(least: RangePoint, steepest: number | null, tenth: number): string {
  const tenthText = `a tenth of the rate with the least smoothed loss (${digits(least.smoothed)} at ${digits(least.learningRate)}) is ${digits(tenth)}`;
  if (steepest === null) return `The curve is too short for a slope; ${tenthText}.`;
  const smaller = steepest <= tenth ? 'the steepest descent' : 'the tenth';
  return `The loss falls fastest at ${digits(steepest)}; ${tenthText}. Suggested is the smaller one, ${smaller}.`;
}

const digits = (value: number): string => String(Number(value.toPrecision(3)));
