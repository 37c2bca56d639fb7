import type { Migration } from './migration.ts';

/** What was seen inside the layers while a run trained: a row per probed step, and per layer of it its measures and histograms. */
export const migration: Migration = {
  version: 20,
  name: 'probes',
  up(db) {
    db.exec(`
CREATE TABLE probes (
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  seconds REAL NOT NULL,
  PRIMARY KEY (run_id, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE probe_layers (
  run_id TEXT NOT NULL,
  step INTEGER NOT NULL,
  layer TEXT NOT NULL,
  measures BLOB NOT NULL,
  PRIMARY KEY (run_id, step, layer),
  FOREIGN KEY (run_id, step) REFERENCES probes (run_id, step) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE probe_histograms (
  run_id TEXT NOT NULL,
  layer TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('activation', 'gradient')),
  step INTEGER NOT NULL,
  low REAL NOT NULL,
  high REAL NOT NULL,
  counts BLOB NOT NULL,
  PRIMARY KEY (run_id, layer, kind, step),
  FOREIGN KEY (run_id, step) REFERENCES probes (run_id, step) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX probe_histograms_by_step ON probe_histograms (run_id, step);
`);
  },
};
