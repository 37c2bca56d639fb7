import { LabError } from '../contract/errors.ts';
import type { RunRecord } from '../contract/records.ts';
import type { CheckpointFiles, CheckpointRecord, RunPatch, Store } from '../ports.ts';
import { sha256 } from '../spec/hash.ts';
import { noMetrics, RunProgress } from './progress.ts';

/** Reads a run's last checkpoint and compares it with what was recorded. Null: the run has none and begins anew. */
export async function readCheckpoint(
  run: Pick<RunRecord, 'id'>,
  store: Store,
  files: CheckpointFiles,
  role: 'last' | 'best' = 'last',
): Promise<Uint8Array | null> {
  const record = store.getCheckpoint(run.id, role);
  if (!record) return null;
  const bytes = await files.read(record.file).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LabError(
      'checkpoint',
      `The checkpoint ${record.file} of run ${run.id} cannot be read (${reason}). ${wayOut(run, store, role)}`,
    );
  });
  const hash = await sha256(bytes);
  if (hash !== record.hash) {
    const found = `its SHA-256 is ${hash.slice(0, 12)}..., ${record.hash.slice(0, 12)}... was recorded`;
    throw new LabError(
      'checkpoint',
      `The checkpoint ${record.file} of run ${run.id} is damaged: ${found}. ${wayOut(run, store, role)}`,
    );
  }
  return bytes;
}

/** What else can be done; nothing is done without being asked for. */
function wayOut(run: Pick<RunRecord, 'id'>, store: Store, role: 'last' | 'best'): string {
  const best = role === 'last' ? store.getCheckpoint(run.id, 'best') : null;
  const from = best ? `from its best one (step ${best.step}) or from the start` : 'from the start';
  return `Put the file back from a copy, or resume ${from}.`;
}

/** Puts the checkpoint that a resume is to start from in the place of the last one. Returns files that are out of use. */
export function chooseCheckpoint(run: RunRecord, store: Store, from: 'last' | 'best' | 'start'): string[] {
  if (from === 'start') return store.dropCheckpoints(run.id);
  if (from === 'last') return [];
  const best = store.getCheckpoint(run.id, 'best');
  if (!best) {
    throw new LabError(
      'state',
      `Run ${run.id} has no checkpoint of its best weights yet; resume from the last one or from the start.`,
    );
  }
  const old = store.putCheckpoint({ ...best, role: 'last' } satisfies CheckpointRecord);
  return old === null ? [] : [old];
}

/** Brings record and curves back to the checkpoint that a run goes on from; returns its step. */
export function rewind(run: RunRecord, store: Store): { step: number; patch: RunPatch } {
  // a fork that begins anew does so behind its step
  const step = store.getCheckpoint(run.id, 'last')?.step ?? run.start?.firstStep ?? 0;
  const saved = store.getCheckpoint(run.id, 'last') !== null;
  // no checkpoint: not even what belongs to step 0 counts
  store.truncateSeries(run.id, step === 0 ? -1 : step);
  const series = store.readSeries(run.id);
  const progress = RunProgress.from(series);
  const seconds = Math.max(0, ...series.map((each) => each.seconds.at(-1) ?? 0));
  return {
    step,
    patch: {
      step,
      seconds,
      checkpointStep: saved && step > 0 ? step : null,
      resultHash: null,
      reason: null,
      error: null,
      endedAt: null,
      metrics: series.length > 0 ? progress.metrics() : noMetrics,
      sparkline: progress.sparkline(),
    },
  };
}
