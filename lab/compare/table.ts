import type { Comparison, RunRecord, Series, SeriesName } from '../contract/records.ts';
import { meanDifference } from '../stats/meanDifference.ts';
import { mean, standardDeviation } from '../stats/moments.ts';
import { pairedT } from '../stats/pairedT.ts';
import { overlapOf, replicateOf, type Arm } from './arms.ts';

type Row = Comparison['table'][number];
type Cell = Row['values'][number];

interface Metric extends Pick<Row, 'key' | 'label' | 'unit' | 'better'> {
  /** Null: this run has no such value (yet). */
  readonly of: (run: RunRecord, series: readonly Series[]) => number | null;
}

export interface Reach {
  readonly series: SeriesName;
  readonly value: number;
}

const seriesLabels: Record<SeriesName, string> = {
  'train.loss': 'training loss',
  'train.accuracy': 'training accuracy',
  learningRate: 'learning rate',
  'validation.loss': 'validation loss',
  'validation.accuracy': 'validation accuracy',
  'test.loss': 'test loss',
  'test.accuracy': 'test accuracy',
};

const metrics: readonly Metric[] = [
  {
    key: 'testAccuracy',
    label: 'Test accuracy',
    unit: 'fraction',
    better: 'higher',
    of: (run) => run.metrics.testAccuracy,
  },
  {
    key: 'bestValidationAccuracy',
    label: 'Best validation accuracy',
    unit: 'fraction',
    better: 'higher',
    of: (run) => run.metrics.bestValidationAccuracy,
  },
  {
    key: 'validationAccuracy',
    label: 'Validation accuracy at the end',
    unit: 'fraction',
    better: 'higher',
    of: (run) => run.metrics.validationAccuracy,
  },
  {
    key: 'trainLoss',
    label: 'Training loss at the end',
    unit: '',
    better: 'lower',
    of: (run) => run.metrics.trainLoss,
  },
  {
    key: 'seconds',
    label: 'Training time',
    unit: 's',
    better: 'lower',
    of: (run) => (run.step > 0 ? run.seconds : null),
  },
  {
    key: 'imagesPerSecond',
    label: 'Speed',
    unit: 'images/s',
    better: 'higher',
    // the steps in front of a fork were its parent's, and so was their time
    of: ({ step, start, batchSize, seconds }) =>
      seconds > 0 ? ((step - (start?.firstStep ?? 0)) * batchSize) / seconds : null,
  },
  { key: 'parameters', label: 'Parameters', unit: '', better: null, of: (run) => run.parameters },
];

/** The first step at which a curve is at least (a loss: at most) the value; null: it never was. */
export function stepsTo(series: readonly Series[], { series: name, value }: Reach): number | null {
  const curve = series.find((each) => each.name === name);
  if (!curve) return null;
  const down = name.endsWith('.loss');
  const at = curve.values.findIndex((each) => each !== null && (down ? each <= value : each >= value));
  return at < 0 ? null : curve.steps[at]!;
}

function reachMetric(reach: Reach): Metric {
  const value = reach.series.endsWith('accuracy') ? `${Number((100 * reach.value).toFixed(4))} %` : String(reach.value);
  return {
    key: `stepsTo:${reach.series}:${reach.value}`,
    label: `Steps to ${value} ${seriesLabels[reach.series]}`,
    unit: 'steps',
    better: 'lower',
    of: (_run, series) => stepsTo(series, reach),
  };
}

/** Numbers per arm with their difference to the baseline. */
export function metricTable(arms: readonly Arm[], baseline: Arm, reach: readonly Reach[]): Row[] {
  return [...metrics, ...reach.map(reachMetric)].map(({ of, ...row }) => {
    const values = arms.map((arm) => valuesOf(arm, of));
    const base = values[arms.indexOf(baseline)]!;
    return {
      ...row,
      values: values.map((each, i) => cell(each, arms[i] === baseline ? null : base, [arms[i]!, baseline])),
    };
  });
}

/** Of all intervals. */
const confidence = 0.95;

interface Value {
  /** Its seed, and fold. */
  readonly replicate: string;
  readonly value: number | null;
}

const valuesOf = (arm: Arm, of: Metric['of']): Value[] =>
  arm.runs.map((run) => ({ replicate: replicateOf(run), value: finite(of(run, arm.series.get(run.id) ?? [])) }));

const finite = (value: number | null): number | null => (value !== null && Number.isFinite(value) ? value : null);
const known = (values: readonly Value[]): number[] =>
  values.map(({ value }) => value).filter((value) => value !== null);

function cell(values: readonly Value[], base: readonly Value[] | null, arms: readonly [Arm, Arm]): Cell {
  const numbers = known(values);
  return {
    mean: numbers.length > 0 ? mean(numbers) : null,
    sd: finite(standardDeviation(numbers)),
    n: numbers.length,
    missing: values.length - numbers.length,
    difference: base && difference(values, base, arms),
  };
}

/**
 * Runs of two arms with the same seed share initial draws and batch order, so they are compared in pairs: of the seeds that
 * both have a value for, if there are any; else as independent samples (Welch). An interval needs two pairs, or two on each side.
 * Those of folds pair by seed and fold, and their interval is corrected for the images that the folds share (pairedT.ts).
 */
function difference(
  values: readonly Value[],
  base: readonly Value[],
  [own, other]: readonly [Arm, Arm],
): Cell['difference'] {
  const overlaps = [overlapOf(own), overlapOf(other)] as const;
  const pairs = pairUp(values, base);
  if (pairs) {
    const [x, y] = pairs;
    const { difference: middle, low, high } = pairedT(x, y, confidence, overlaps[0]);
    return {
      mean: middle,
      low: finite(low),
      high: finite(high),
      ratio: ratio(mean(x), mean(y)),
      n: x.length,
      paired: true,
    };
  }
  const x = known(values);
  const y = known(base);
  if (x.length === 0 || y.length === 0) return null;
  const { difference: middle, low, high } = meanDifference(x, y, confidence, overlaps);
  return {
    mean: middle,
    low: finite(low),
    high: finite(high),
    ratio: ratio(mean(x), mean(y)),
    n: x.length + y.length,
    paired: false,
  };
}

const ratio = (a: number, b: number): number | null => finite(a / b);

/** Values of the seeds (and folds) that both sides have; one that occurs several times pairs by order. Null: none is shared. */
function pairUp(values: readonly Value[], base: readonly Value[]): [number[], number[]] | null {
  const x: number[] = [];
  const y: number[] = [];
  const free = [...base];
  let shared = 0;
  for (const { replicate, value } of values) {
    const at = free.findIndex((each) => each.replicate === replicate);
    if (at < 0) continue;
    shared++;
    const [partner] = free.splice(at, 1);
    if (value === null || partner!.value === null) continue;
    x.push(value);
    y.push(partner!.value);
  }
  return shared > 0 && x.length > 0 ? [x, y] : null;
}
