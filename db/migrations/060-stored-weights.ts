import type { Migration } from './migration.ts';

/**
 * Weights that runs start from: files named by their content, kept while any run names them. A run keeps what it started from, as
 * JSON, beside the hash of the file.
 */
export const migration: Migration = {
  version: 60,
  name: 'stored-weights',
  up(db) {
    db.exec(`
CREATE TABLE stored_weights (
  hash TEXT PRIMARY KEY,
  file TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
ALTER TABLE runs ADD COLUMN start TEXT;
ALTER TABLE runs ADD COLUMN start_weights TEXT REFERENCES stored_weights (hash);
CREATE INDEX runs_by_start ON runs (start_weights) WHERE start_weights IS NOT NULL;
`);
  },
};
