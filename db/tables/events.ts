import type { RunEventRecord } from '../../lab/ports.ts';
import type { ReadableDb, WritableDb } from '../sql.ts';

export function appendEvent(db: WritableDb, runId: string, event: RunEventRecord): void {
  db.run(
    'INSERT INTO run_events (run_id, at, step, kind, text) VALUES (?, ?, ?, ?, ?)',
    runId,
    event.at,
    event.step,
    event.kind,
    event.text,
  );
}

/** Oldest first. */
export function readEvents(db: ReadableDb, runId: string): RunEventRecord[] {
  return db.all<RunEventRecord>('SELECT at, step, kind, text FROM run_events WHERE run_id = ? ORDER BY number', runId);
}
