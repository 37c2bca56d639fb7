import type { Migration } from './migration.ts';

/** Saved architectures: a name with its words, and every version that was saved under it. */
export const migration: Migration = {
  version: 40,
  name: 'architectures',
  up(db) {
    db.exec(`
CREATE TABLE architectures (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL,
  description TEXT NOT NULL,
  tags TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  search_text TEXT NOT NULL,
  deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX architectures_by_name ON architectures (name_key) WHERE deleted_at IS NULL;

CREATE TABLE architecture_versions (
  number INTEGER PRIMARY KEY,
  architecture_id TEXT NOT NULL REFERENCES architectures (id) ON DELETE CASCADE,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  note TEXT NOT NULL,
  model TEXT NOT NULL,
  dataset TEXT,
  input_shape TEXT,
  classes INTEGER,
  parameters INTEGER,
  macs_per_image INTEGER,
  weights_file TEXT,
  weights_hash TEXT,
  weights_bytes INTEGER,
  source TEXT NOT NULL,
  UNIQUE (architecture_id, version)
) STRICT;
`);
  },
};
