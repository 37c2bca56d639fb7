/** What a learning-rate range test depends on, and how its curve is drawn. */
import type { LrRangeRecord } from '../../../lab/contract/lrRangeRecords.ts';
import type { Spec } from '../../../lab/contract/spec.ts';

/** Of a spec what decides the curve, by the part of the builder that it is set in. */
export interface SweepParts {
  readonly data: string;
  readonly network: string;
  readonly training: string;
  readonly seed: string;
}

/** How long a run is, how its rate falls and when it is looked at have no influence: the test has a length and rates of its own. */
export function sweepParts({ data, model, training, seed, backend }: Spec): SweepParts {
  const { length: _length, schedule: _schedule, stages, earlyStopping: _stopping, ...rest } = training;
  const { evaluateEvery: _every, diagnostics: _diagnostics, recalibrateBatchNorm: _batches, ...decisive } = rest;
  const { learningRate: _rate, ...optimizer } = training.optimizer;
  const first = stages[0] && { ...stages[0], length: null, learningRateFactor: 1 };
  return {
    data: JSON.stringify(data),
    network: JSON.stringify([
      model.nodes.map(({ position: _position, title: _title, ...node }) => node),
      model.batchNorm,
      model.dropout,
    ]),
    training: JSON.stringify([{ ...decisive, optimizer }, first, backend.precision, backend.storage]),
    seed: String(seed),
  };
}

const partWords: Readonly<Record<keyof SweepParts, string>> = {
  data: 'the data',
  network: 'the network',
  training: 'settings of the training',
  seed: 'the seed',
};

/** What has changed from one to the other, in words. */
export const changedParts = (before: SweepParts, after: SweepParts): string[] =>
  (Object.keys(partWords) as (keyof SweepParts)[])
    .filter((part) => before[part] !== after[part])
    .map((part) => partWords[part]);

/** Two digits: the test tells the rate no closer. */
export const roundRate = (rate: number): number => Number(rate.toPrecision(2));

type Point = LrRangeRecord['points'][number];

/** Where the point with the rate nearest to `rate` is, on the logarithmic axis. */
export function nearestPoint(points: readonly Point[], rate: number): number {
  let best = 0;
  const distance = (i: number): number => Math.abs(Math.log(points[i]!.learningRate / rate));
  for (let i = 1; i < points.length; i++) if (distance(i) < distance(best)) best = i;
  return best;
}

/** A loss this many times the first one is off the picture: what diverges would flatten all the rest. */
const mostOfStart = 1.6;
const startPoints = 5;

/** Lowest and highest loss of the picture. */
export function lossRange(points: readonly Point[]): readonly [number, number] {
  const start = Math.max(...points.slice(0, startPoints).map(({ loss }) => loss));
  const low = Math.min(...points.map(({ loss, smoothed }) => Math.min(loss, smoothed)));
  const high = Math.max(start, Math.min(start * mostOfStart, Math.max(...points.map(({ smoothed }) => smoothed))));
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [low - room, high + room];
}

/** Powers of ten inside the range, every second or third where all would not fit into `most`. */
export function decades(lowest: number, highest: number, most: number): number[] {
  const first = Math.ceil(Math.log10(lowest) - 1e-9);
  const last = Math.floor(Math.log10(highest) + 1e-9);
  const every = Math.max(1, Math.ceil((last - first + 1) / Math.max(1, most)));
  return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, i) => first + i * every);
}
