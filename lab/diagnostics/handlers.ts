import { checkGraph, measureNames, wholeNetwork, type CheckedGraph } from '../../engine/index.ts';
import type { Handlers } from '../app.ts';
import type { Diagnostics, Measure } from '../contract/diagnosticsRecords.ts';
import { LabError } from '../contract/errors.ts';
import type { RunDetails } from '../contract/records.ts';
import type { Datasets, ProbeFilter, Store } from '../ports.ts';
import { findRun } from '../runs/find.ts';
import { effectiveGraph } from '../spec/resolve.ts';
import { findingsOf } from './findings.ts';
import { healthyRanges } from './ranges.ts';

export interface DiagnosticsOptions {
  readonly store: Store;
  readonly datasets: Datasets;
}

export function diagnosticsHandlers({ store, datasets }: DiagnosticsOptions): Handlers {
  const details = (text: string): RunDetails => {
    const id = findRun(store, text);
    const run = store.getRun(id);
    if (!run) throw new LabError('notFound', `There is no run ${id} in this history.`);
    return run;
  };
  return {
    'diagnostics.get': async ({ id, measures, ...filter }) => {
      const run = details(id);
      const dataset = (await datasets.list()).find((each) => each.id === run.spec.data.dataset);
      const checked = checkGraph(effectiveGraph(run.spec.model), {
        inputShape: dataset?.imageShape ?? null,
        ...(dataset && { classes: dataset.classes.length }),
      });
      return diagnosticsOf(store, run, checked, filter, measures);
    },
    'diagnostics.histograms': ({ id, layer, of, from, to, maxSteps }) => {
      const run = findRun(store, id);
      const found = store.readHistograms(run, { layer, of, from, to, maxSteps });
      return {
        run,
        layer,
        of,
        steps: found.map(({ step }) => step),
        low: found.map(({ low }) => low),
        high: found.map(({ high }) => high),
        counts: found.map(({ counts }) => [...counts]),
      };
    },
  };
}

/** What was seen in a run. Findings are made from all measures, also where only some are asked for. */
export function diagnosticsOf(
  store: Store,
  run: RunDetails,
  checked: CheckedGraph,
  filter: ProbeFilter,
  wanted?: readonly Measure[],
): Diagnostics {
  const stored = store.readProbes(run.id, filter);
  const kinds = new Map<string, string>(checked.nodes.map(({ id, layer }) => [id, layer]));
  const order = [...kinds.keys(), wholeNetwork];
  const stages = stagesOf(run);
  const layers = stored.layers
    .map(({ layer, measures }) => ({
      id: layer,
      kind: kinds.get(layer) ?? '',
      measures: withDrift(curvesOf(measures), stored.steps, stages),
    }))
    .sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
  const share = run.seconds > 0 ? stored.seconds / run.seconds : null;
  const seen = { steps: stored.steps, layers, share, probes: stored.probes };
  const findings = findingsOf(seen, {
    batchSize: run.batchSize,
    learningRate: run.spec.training.optimizer.learningRate,
    rateShare: rateShareOf(store, run),
    hasBatchNorm: checked.nodes.some(({ layer }) => layer === 'batchNorm'),
    weights: new Map(
      checked.nodes.flatMap(({ id, parameters }) => {
        const shape = parameters[0]?.shape ?? [];
        return shape.length < 2 ? [] : [[id, shape.reduce((product, extent) => product * extent, 1)] as const];
      }),
    ),
  });
  const kept = layers.map(({ measures, ...layer }) => ({
    ...layer,
    measures: Object.fromEntries(
      Object.entries(measures).filter(([name]) => wanted === undefined || wanted.includes(name as Measure)),
    ),
  }));
  const { seconds } = stored;
  return { run: run.id, ...seen, layers: kept, seconds, stages, findings, healthy: [...healthyRanges] };
}

/** By the rates as they were: schedule, stages and plateaus have made them. Read only if somebody asks. */
function rateShareOf(store: Store, run: RunDetails): (step: number) => number {
  let rates: Map<number, number | null> | undefined;
  return (step) => {
    if (rates === undefined) {
      const [series] = store.readSeries(run.id, ['learningRate']);
      rates = new Map(series?.steps.map((each, i) => [each, series.values[i] ?? null]));
    }
    const rate = rates.get(step + 1) ?? null;
    return rate === null ? 1 : rate / run.spec.training.optimizer.learningRate;
  };
}

/** Told when a stage begins. A run that went on on another backend tells it once more. */
function stagesOf({ events }: RunDetails): Diagnostics['stages'] {
  const found = new Map<number, string>();
  for (const { kind, step, text } of events) if (kind === 'stage') found.set(step, text);
  return [...found].map(([step, text]) => ({ step, text })).sort((a, b) => a.step - b.step);
}

type Curves = Partial<Record<Measure, (number | null)[]>>;

function curvesOf(rows: readonly (Float32Array | null)[]): Curves {
  const curves: Curves = {};
  measureNames.forEach((name, m) => {
    const values = rows.map((row) => (row !== null && Number.isFinite(row[m]) ? row[m]! : null));
    if (values.some((value) => value !== null)) curves[name] = values;
  });
  return curves;
}

/**
 * Adds how far the 15th, 50th and 85th percentile have moved since the value before, on average, as a part of the band between the
 * outer two: the shift that figure 1 of Ioffe & Szegedy 2015 shows. Null for a band without width, and across the beginning of a
 * stage: other images move the values, not what was learnt.
 */
function withDrift(curves: Curves, steps: readonly number[], stages: Diagnostics['stages']): Curves {
  const { p15, p50, p85 } = curves;
  if (!p15 || !p50 || !p85) return curves;
  const drift = p50.map((_, i) => {
    const [before, now] = [i - 1, i].map((at) => [p15[at], p50[at], p85[at]]);
    const isNewStage = stages.some(({ step }) => step > steps[i - 1]! && step <= steps[i]!);
    if (i === 0 || isNewStage || [...before!, ...now!].some((value) => value === null || value === undefined))
      return null;
    const band = (before![2]! - before![0]! + now![2]! - now![0]!) / 2;
    const moved = now!.reduce<number>((sum, value, k) => sum + Math.abs(value! - before![k]!), 0) / 3;
    return band > 0 ? moved / band : null;
  });
  return drift.some((value) => value !== null) ? { ...curves, drift } : curves;
}
