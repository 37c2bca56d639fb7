import type { HistogramFilter, ProbeFilter, StepProbe, StoredHistograms, StoredProbes } from '../../lab/ports.ts';
import { floatsOf, integersOf, toBlob } from '../blobs.ts';
import type { ReadableDb, WritableDb } from '../sql.ts';

/** Puts probes in; one of a step that is there already takes its place, as after a resume. */
export function appendProbes(db: WritableDb, runId: string, probes: readonly StepProbe[]): void {
  for (const { step, seconds, layers } of probes) {
    db.run('DELETE FROM probes WHERE run_id = ? AND step = ?', runId, step);
    db.run('INSERT INTO probes (run_id, step, seconds) VALUES (?, ?, ?)', runId, step, seconds);
    for (const { layer, values, histograms } of layers) {
      db.run(
        'INSERT INTO probe_layers (run_id, step, layer, measures) VALUES (?, ?, ?, ?)',
        runId,
        step,
        layer,
        toBlob(values),
      );
      for (const { of, low, high, counts } of histograms) {
        db.run(
          'INSERT INTO probe_histograms (run_id, layer, kind, step, low, high, counts) VALUES (?, ?, ?, ?, ?, ?, ?)',
          runId,
          layer,
          of,
          step,
          low,
          high,
          toBlob(counts),
        );
      }
    }
  }
}

/** Drops the probes of all steps that a run which goes on after `step` will make again. */
export function truncateProbes(db: WritableDb, runId: string, step: number): void {
  db.run('DELETE FROM probes WHERE run_id = ? AND step >= ?', runId, step);
}

/** At most `most` of them, evenly, the first and the last among them. */
function thinned<T>(all: readonly T[], most: number): T[] {
  if (all.length <= most) return [...all];
  return Array.from({ length: most }, (_, i) => all[Math.round((i * (all.length - 1)) / Math.max(1, most - 1))]!);
}

export function readProbes(db: ReadableDb, runId: string, filter: ProbeFilter): StoredProbes {
  const { from = 0, to = Number.MAX_SAFE_INTEGER, layers, maxSteps } = filter;
  const all = db.all<{ step: number; seconds: number }>(
    'SELECT step, seconds FROM probes WHERE run_id = ? AND step BETWEEN ? AND ? ORDER BY step',
    runId,
    from,
    to,
  );
  const steps = thinned(all, maxSteps);
  const place = new Map(steps.map(({ step }, i) => [step, i]));
  const found = new Map<string, (Float32Array | null)[]>();
  const wanted = layers === undefined ? '' : 'AND layer IN (SELECT value FROM json_each(?))';
  const rows = db.rows(
    `SELECT step, layer, measures FROM probe_layers WHERE run_id = ? AND step IN (SELECT value FROM json_each(?)) ${wanted}`,
    runId,
    JSON.stringify([...place.keys()]),
    ...(layers === undefined ? [] : [JSON.stringify(layers)]),
  );
  for (const [step, layer, measures] of rows as [number, string, Uint8Array][]) {
    let list = found.get(layer);
    if (list === undefined) found.set(layer, (list = steps.map(() => null)));
    list[place.get(step)!] = floatsOf(measures);
  }
  return {
    probes: all.length,
    seconds: all.reduce((sum, each) => sum + each.seconds, 0),
    steps: steps.map(({ step }) => step),
    layers: [...found].map(([layer, measures]) => ({ layer, measures })),
  };
}

export function readHistograms(db: ReadableDb, runId: string, filter: HistogramFilter): StoredHistograms {
  const { layer, of, from = 0, to = Number.MAX_SAFE_INTEGER, maxSteps } = filter;
  const all = db.rows(
    'SELECT step FROM probe_histograms WHERE run_id = ? AND layer = ? AND kind = ? AND step BETWEEN ? AND ? ORDER BY step',
    runId,
    layer,
    of,
    from,
    to,
  ) as [number][];
  const steps = thinned(
    all.map(([step]) => step),
    maxSteps,
  );
  const rows = db.rows(
    `SELECT step, low, high, counts FROM probe_histograms
     WHERE run_id = ? AND layer = ? AND kind = ? AND step IN (SELECT value FROM json_each(?)) ORDER BY step`,
    runId,
    layer,
    of,
    JSON.stringify(steps),
  ) as [number, number, number, Uint8Array][];
  return rows.map(([step, low, high, counts]) => ({ step, low, high, counts: integersOf(counts) }));
}
