import type { RunStart } from '../../lab/contract/records.ts';
import type { StoredWeightsRecord } from '../../lab/ports.ts';
import type { ReadableDb, WritableDb } from '../sql.ts';

/** A file is named by its content, so one that is there already is the same. */
export function putStoredWeights(db: WritableDb, { hash, file, bytes, createdAt }: StoredWeightsRecord): void {
  db.run(
    'INSERT INTO stored_weights (hash, file, bytes, created_at) VALUES (?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING',
    hash,
    file,
    bytes,
    createdAt,
  );
}

export function getStoredWeights(db: ReadableDb, hash: string): StoredWeightsRecord | null {
  return (
    db.get<StoredWeightsRecord>(
      'SELECT hash, file, bytes, created_at AS createdAt FROM stored_weights WHERE hash = ?',
      hash,
    ) ?? null
  );
}

/** What the oldest run that starts from these weights keeps about them. */
export function startWith(db: ReadableDb, hash: string): RunStart | null {
  const row = db.get<{ start: string }>('SELECT start FROM runs WHERE start_weights = ? ORDER BY number LIMIT 1', hash);
  return row === undefined ? null : (JSON.parse(row.start) as RunStart);
}

export function storedWeightsFiles(db: ReadableDb): string[] {
  return db.rows('SELECT file FROM stored_weights ORDER BY file').map(([file]) => file as string);
}

/** Forgets those that no run names any more, deleted but not purged ones among them; returns their files. */
export function dropUnusedWeights(db: WritableDb): string[] {
  const unused = 'hash NOT IN (SELECT start_weights FROM runs WHERE start_weights IS NOT NULL)';
  const files = db.rows(`SELECT file FROM stored_weights WHERE ${unused}`).map(([file]) => file as string);
  db.run(`DELETE FROM stored_weights WHERE ${unused}`);
  return files;
}
