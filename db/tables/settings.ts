import type { ReadableDb, WritableDb } from '../sql.ts';

/** undefined when it was never set. */
export function getSetting(db: ReadableDb, key: string): unknown {
  const row = db.get<{ value: string }>('SELECT value FROM settings WHERE key = ?', key);
  return row ? JSON.parse(row.value) : undefined;
}

export function setSetting(db: WritableDb, key: string, value: unknown): void {
  db.run(
    'INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    key,
    JSON.stringify(value) ?? 'null',
  );
}
