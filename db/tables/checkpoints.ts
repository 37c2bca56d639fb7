import type { CheckpointRecord } from '../../lab/ports.ts';
import type { ReadableDb, WritableDb } from '../sql.ts';

const columns = 'run_id AS runId, role, step, file, hash, bytes, created_at AS createdAt';

/** Returns the file of the record that it replaces, if that is another and nothing names it any more. */
export function putCheckpoint(db: WritableDb, record: CheckpointRecord): string | null {
  const before = getCheckpoint(db, record.runId, record.role);
  db.run(
    `INSERT INTO checkpoints (run_id, role, step, file, hash, bytes, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (run_id, role) DO UPDATE SET step = excluded.step, file = excluded.file, hash = excluded.hash,
     bytes = excluded.bytes, created_at = excluded.created_at`,
    record.runId,
    record.role,
    record.step,
    record.file,
    record.hash,
    record.bytes,
    record.createdAt,
  );
  if (!before) return null;
  return db.get('SELECT 1 FROM checkpoints WHERE file = ?', before.file) ? null : before.file;
}

export function getCheckpoint(db: ReadableDb, runId: string, role: CheckpointRecord['role']): CheckpointRecord | null {
  return (
    db.get<CheckpointRecord>(`SELECT ${columns} FROM checkpoints WHERE run_id = ? AND role = ?`, runId, role) ?? null
  );
}

/** Returns the files that nothing names any more. */
export function dropCheckpoints(db: WritableDb, runId: string): string[] {
  const files = db
    .rows('SELECT DISTINCT file FROM checkpoints WHERE run_id = ?', runId)
    .map(([file]) => file as string);
  db.run('DELETE FROM checkpoints WHERE run_id = ?', runId);
  return files.filter((file) => !db.get('SELECT 1 FROM checkpoints WHERE file = ?', file));
}

export function checkpointFiles(db: ReadableDb): string[] {
  return db.rows('SELECT DISTINCT file FROM checkpoints ORDER BY file').map(([file]) => file as string);
}
