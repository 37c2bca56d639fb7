import { seriesNames, type ArmCurve, type Series, type SeriesName } from '../contract/records.ts';
import { epochsAfter, imagesAfter, type Pace } from '../spec/pace.ts';
import { mean, standardDeviation } from '../stats/moments.ts';
import { studentTQuantile } from '../stats/studentT.ts';
import { overlapOf, type Arm } from './arms.ts';

/** Of the band around a mean curve. */
const confidence = 0.95;

/** Every curve that a run of the arm has, on a grid of its own that all its runs share. */
export function armCurves(arm: Arm, maxPoints: number, pace: Pace): ArmCurve[] {
  return seriesNames.flatMap((name) => {
    const curve = armCurve(arm, name, maxPoints, pace);
    return curve ? [curve] : [];
  });
}

interface Trace {
  readonly run: string;
  readonly seed: number;
  readonly fold: number | null;
  readonly values: (number | null)[];
  readonly seconds: (number | null)[];
}

function armCurve(arm: Arm, name: SeriesName, maxPoints: number, pace: Pace): ArmCurve | null {
  const all = arm.runs.map((run) => ({ run, series: arm.series.get(run.id)?.find((each) => each.name === name) }));
  const steps = [...new Set(all.flatMap(({ series }) => series?.steps ?? []))].sort((a, b) => a - b);
  if (steps.length === 0) return null;
  // few points: every one of them; many (a loss per step): the mean over each stretch between two points of the grid
  const dense = steps.length > maxPoints;
  const grid = dense ? evenGrid(steps.at(-1)!, maxPoints) : steps;
  const traces = all.map(({ run, series }): Trace => {
    const sampled = series ? (dense ? binned(series, grid) : interpolated(series, grid)) : blank(grid.length);
    return { run: run.id, seed: run.seed, fold: run.fold, ...sampled };
  });
  const overlap = overlapOf(arm);
  const bands = grid.map((_, i) =>
    band(
      traces.map(({ values }) => values[i] ?? null),
      overlap,
    ),
  );
  return {
    name,
    steps: grid,
    epochs: grid.map((step) => epochsAfter(pace, step)),
    images: grid.map((step) => imagesAfter(pace, step)),
    seconds: increasing(grid.map((_, i) => average(traces.map(({ seconds }) => seconds[i] ?? null)))),
    mean: bands.map((each) => each.mean),
    low: bands.map((each) => each.low),
    high: bands.map((each) => each.high),
    traces: traces.map(({ run, seed, fold, values }) => ({ run, seed, fold, values })),
  };
}

type Sampled = Pick<Trace, 'values' | 'seconds'>;

const blank = (n: number): Sampled => ({
  values: new Array<null>(n).fill(null),
  seconds: new Array<null>(n).fill(null),
});

/** At most `points` steps from 1 on, evenly spaced, the last one among them. */
function evenGrid(last: number, points: number): number[] {
  return [...new Set(Array.from({ length: points }, (_, i) => Math.max(1, Math.round(((i + 1) * last) / points))))];
}

/** The mean of the points in (grid[i - 1], grid[i]]. Null where there is none, or one that is not finite. */
function binned({ steps, values, seconds }: Series, grid: readonly number[]): Sampled {
  const out = blank(grid.length);
  let at = 0;
  grid.forEach((edge, i) => {
    let sum = 0;
    let count = 0;
    for (; at < steps.length && steps[at]! <= edge; at++, count++) sum += values[at] ?? Number.NaN;
    if (count === 0) return;
    out.values[i] = Number.isFinite(sum) ? sum / count : null;
    out.seconds[i] = seconds[at - 1]!;
  });
  return out;
}

/** The run's own value where it has one at a step of the grid, the straight line between its neighbours where not. */
function interpolated({ steps, values, seconds }: Series, grid: readonly number[]): Sampled {
  const out = blank(grid.length);
  let at = 0;
  grid.forEach((step, i) => {
    while (at < steps.length && steps[at]! < step) at++;
    if (at >= steps.length || (at === 0 && steps[at]! > step)) return;
    if (steps[at] === step) {
      out.values[i] = values[at]!;
      out.seconds[i] = seconds[at]!;
      return;
    }
    const share = (step - steps[at - 1]!) / (steps[at]! - steps[at - 1]!);
    const before = values[at - 1] ?? null;
    const after = values[at] ?? null;
    out.values[i] = before === null || after === null ? null : before + share * (after - before);
    out.seconds[i] = seconds[at - 1]! + share * (seconds[at]! - seconds[at - 1]!);
  });
  return out;
}

const present = (values: readonly (number | null)[]): number[] => values.filter((value) => value !== null);

function average(values: readonly (number | null)[]): number | null {
  const known = present(values);
  return known.length === 0 ? null : mean(known);
}

/** A time axis without gaps or steps back: runs of different speed may end at different places. */
function increasing(seconds: readonly (number | null)[]): number[] {
  let last = 0;
  return seconds.map((value) => (last = Math.max(last, value ?? last)));
}

/** Quantiles by degrees of freedom: a comparison asks for the same few thousands of times. */
const quantiles = new Map<number, number>();

function tQuantile(df: number): number {
  let value = quantiles.get(df);
  if (value === undefined) {
    value = studentTQuantile(0.5 + confidence / 2, df);
    quantiles.set(df, value);
  }
  return value;
}

/** Mean and t interval of the mean over the runs that have a value here; corrected for what they share (pairedT.ts). */
function band(
  values: readonly (number | null)[],
  overlap: number,
): { mean: number | null; low: number | null; high: number | null } {
  const known = present(values);
  if (known.length === 0) return { mean: null, low: null, high: null };
  const middle = mean(known);
  if (known.length === 1) return { mean: middle, low: middle, high: middle };
  const reach = tQuantile(known.length - 1) * standardDeviation(known) * Math.sqrt(1 / known.length + overlap);
  return { mean: middle, low: middle - reach, high: middle + reach };
}
