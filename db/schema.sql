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

CREATE TABLE checkpoints (
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  role TEXT NOT NULL CHECK (role IN ('last', 'best')),
  step INTEGER NOT NULL,
  file TEXT NOT NULL,
  hash TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (run_id, role)
) STRICT;

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

CREATE TABLE probe_layers (
  run_id TEXT NOT NULL,
  step INTEGER NOT NULL,
  layer TEXT NOT NULL,
  measures BLOB NOT NULL,
  PRIMARY KEY (run_id, step, layer),
  FOREIGN KEY (run_id, step) REFERENCES probes (run_id, step) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE probes (
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  seconds REAL NOT NULL,
  PRIMARY KEY (run_id, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_events (
  number INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  at INTEGER NOT NULL,
  step INTEGER NOT NULL,
  kind TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;

CREATE TABLE run_specs (
  run_id TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
  spec TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  run_group TEXT NOT NULL,
  name TEXT NOT NULL,
  seed INTEGER NOT NULL,
  status TEXT NOT NULL,
  reason TEXT,
  error TEXT,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  step INTEGER NOT NULL,
  total_steps INTEGER,
  seconds REAL NOT NULL,
  images_per_second REAL,
  dataset TEXT NOT NULL,
  parameters INTEGER,
  macs_per_image INTEGER,
  backend TEXT,
  threads INTEGER,
  train_loss REAL,
  train_accuracy REAL,
  validation_loss REAL,
  validation_accuracy REAL,
  best_validation_loss REAL,
  best_validation_accuracy REAL,
  test_loss REAL,
  test_accuracy REAL,
  sparkline BLOB NOT NULL,
  tags TEXT NOT NULL,
  note TEXT NOT NULL,
  starred INTEGER NOT NULL,
  spec_hash TEXT NOT NULL,
  data_hash TEXT,
  engine_version TEXT NOT NULL,
  result_hash TEXT,
  checkpoint_step INTEGER,
  search_text TEXT NOT NULL,
  deleted_at INTEGER
, backend_choice TEXT, fold INTEGER, folds INTEGER, start TEXT, start_weights TEXT REFERENCES stored_weights (hash), steps_per_epoch REAL, batch_size REAL NOT NULL DEFAULT 0) STRICT;

CREATE TABLE series_chunks (
  number INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  first_step INTEGER NOT NULL,
  last_step INTEGER NOT NULL,
  points INTEGER NOT NULL,
  value_bytes INTEGER NOT NULL CHECK (value_bytes IN (4, 8)),
  steps BLOB NOT NULL,
  point_values BLOB NOT NULL,
  seconds BLOB NOT NULL,
  UNIQUE (run_id, name, first_step)
) STRICT;

CREATE TABLE settings (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE stored_weights (
  hash TEXT PRIMARY KEY,
  file TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX architectures_by_name ON architectures (name_key) WHERE deleted_at IS NULL;

CREATE INDEX probe_histograms_by_step ON probe_histograms (run_id, step);

CREATE INDEX run_events_by_run ON run_events (run_id, number);

CREATE INDEX runs_by_creation ON runs (deleted_at, created_at, number);

CREATE INDEX runs_by_group ON runs (run_group);

CREATE INDEX runs_by_start ON runs (start_weights) WHERE start_weights IS NOT NULL;
