import { LabError } from '../../lab/contract/errors.ts';
import type { RunDetails, RunMetrics, RunRecord } from '../../lab/contract/records.ts';
import { specSchema, type Spec } from '../../lab/contract/spec.ts';
import { upgradeSpec } from '../../lab/spec/upgrade.ts';
import type { RunFilter, RunPatch } from '../../lab/ports.ts';
import type { ReadableDb, SqlValue, WritableDb } from '../sql.ts';
import { readEvents } from './events.ts';

type Plain = Exclude<
  keyof RunRecord,
  'metrics' | 'sparkline' | 'tags' | 'error' | 'backendChoice' | 'starred' | 'start'
>;

/** Fields that are stored as they are. */
const plainColumns = {
  id: 'id',
  group: 'run_group',
  name: 'name',
  seed: 'seed',
  fold: 'fold',
  folds: 'folds',
  status: 'status',
  reason: 'reason',
  createdAt: 'created_at',
  startedAt: 'started_at',
  endedAt: 'ended_at',
  step: 'step',
  totalSteps: 'total_steps',
  stepsPerEpoch: 'steps_per_epoch',
  batchSize: 'batch_size',
  seconds: 'seconds',
  imagesPerSecond: 'images_per_second',
  dataset: 'dataset',
  parameters: 'parameters',
  macsPerImage: 'macs_per_image',
  backend: 'backend',
  threads: 'threads',
  note: 'note',
  specHash: 'spec_hash',
  dataHash: 'data_hash',
  engineVersion: 'engine_version',
  resultHash: 'result_hash',
  checkpointStep: 'checkpoint_step',
} as const satisfies Record<Plain, string>;

const metricColumns = {
  trainLoss: 'train_loss',
  trainAccuracy: 'train_accuracy',
  validationLoss: 'validation_loss',
  validationAccuracy: 'validation_accuracy',
  bestValidationLoss: 'best_validation_loss',
  bestValidationAccuracy: 'best_validation_accuracy',
  testLoss: 'test_loss',
  testAccuracy: 'test_accuracy',
} as const satisfies Record<keyof RunMetrics, string>;

const plainFields = Object.keys(plainColumns) as Plain[];
const metricFields = Object.keys(metricColumns) as (keyof RunMetrics)[];
const plainNames = plainFields.map((field) => plainColumns[field]);
const metricNames = metricFields.map((field) => metricColumns[field]);
const otherNames = ['sparkline', 'tags', 'error', 'backend_choice', 'start', 'starred'];
const selected = [...plainNames, ...metricNames, ...otherNames].map((name) => `runs.${name}`).join(', ');

/** SQLite has no NaN and turns it to null; infinities it keeps, JSON does not. */
const finite = (value: number | null | undefined): number | null =>
  value !== null && value !== undefined && Number.isFinite(value) ? value : null;

/** A row in the order of `selected`. This is the inner loop of long lists: no per-field closures, no JSON where it is empty. */
function fromRow(row: readonly unknown[]): RunRecord {
  const record: Record<string, unknown> = {};
  let at = 0;
  for (const field of plainFields) record[field] = row[at++];
  const metrics: Record<string, unknown> = {};
  for (const field of metricFields) metrics[field] = row[at++];
  record['metrics'] = metrics;
  record['sparkline'] = readFloats(row[at++] as Uint8Array);
  const tags = row[at++] as string;
  record['tags'] = tags === '[]' ? [] : (JSON.parse(tags) as string[]);
  const error = row[at++] as string | null;
  record['error'] = error === null ? null : (JSON.parse(error) as RunRecord['error']);
  const choice = row[at++] as string | null;
  record['backendChoice'] = choice === null ? null : (JSON.parse(choice) as RunRecord['backendChoice']);
  const start = row[at++] as string | null;
  record['start'] = start === null ? null : (JSON.parse(start) as RunRecord['start']);
  record['starred'] = row[at] === 1;
  return record as unknown as RunRecord;
}

function readFloats(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Array<number>(bytes.byteLength >> 2);
  for (let i = 0; i < out.length; i++) out[i] = view.getFloat32(4 * i, true);
  return out;
}

function writeFloats(values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  values.forEach((value, i) => view.setFloat32(4 * i, value, true));
  return new Uint8Array(view.buffer);
}

/** What a search looks through, in lower case. */
const searchText = (run: Pick<RunRecord, 'id' | 'group' | 'name' | 'dataset' | 'note' | 'tags'>): string =>
  [run.name, run.id, run.group, run.dataset, ...run.tags, run.note].join('\n').toLowerCase();

/** Columns and values of any part of a record. */
function toColumns(patch: Partial<RunRecord>): [string, SqlValue][] {
  const out: [string, SqlValue][] = [];
  for (const field of plainFields) {
    const value = patch[field];
    if (value !== undefined) out.push([plainColumns[field], typeof value === 'number' ? finite(value) : value]);
  }
  if (patch.metrics) {
    for (const field of metricFields) out.push([metricColumns[field], finite(patch.metrics[field])]);
  }
  if (patch.sparkline) out.push(['sparkline', writeFloats(patch.sparkline)]);
  if (patch.tags) out.push(['tags', JSON.stringify(patch.tags)]);
  if (patch.error !== undefined) out.push(['error', patch.error === null ? null : JSON.stringify(patch.error)]);
  if (patch.backendChoice !== undefined) {
    out.push(['backend_choice', patch.backendChoice === null ? null : JSON.stringify(patch.backendChoice)]);
  }
  if (patch.start !== undefined) {
    out.push(['start', patch.start === null ? null : JSON.stringify(patch.start)]);
    out.push(['start_weights', patch.start?.weights ?? null]);
  }
  if (patch.starred !== undefined) out.push(['starred', patch.starred ? 1 : 0]);
  return out;
}

/** A stored spec may be older than some of its format's fields; it gets their defaults. What is no spec stays as it is. */
function completeSpec(text: string): Spec {
  const stored: unknown = JSON.parse(text);
  const { success, data } = specSchema.safeParse(upgradeSpec(stored).document);
  return success ? data : (stored as Spec);
}

export function insertRun(db: WritableDb, run: RunRecord, spec: Spec): void {
  const columns: [string, SqlValue][] = [...toColumns(run), ['search_text', searchText(run)]];
  const names = columns.map(([name]) => name).join(', ');
  db.run(
    `INSERT INTO runs (${names}) VALUES (${columns.map(() => '?').join(', ')})`,
    ...columns.map(([, value]) => value),
  );
  db.run('INSERT INTO run_specs (run_id, spec) VALUES (?, ?)', run.id, JSON.stringify(spec));
}

/** Throws LabError 'notFound' for an id that does not exist; deleted runs can still be changed. */
export function updateRun(db: WritableDb, id: string, patch: RunPatch): RunRecord {
  const columns = toColumns(patch);
  if (columns.length > 0) {
    const set = columns.map(([name]) => `${name} = ?`).join(', ');
    const changed = db.run(`UPDATE runs SET ${set} WHERE id = ?`, ...columns.map(([, value]) => value), id);
    if (changed !== 1) throw unknownRun(id);
  }
  const record = anyRun(db, id);
  if (!record) throw unknownRun(id);
  if (patch.name !== undefined || patch.note !== undefined || patch.tags || patch.dataset !== undefined) {
    db.run('UPDATE runs SET search_text = ? WHERE id = ?', searchText(record), id);
  }
  return record;
}

const unknownRun = (id: string): LabError => new LabError('notFound', `There is no run ${id} in this history.`);

function anyRun(db: ReadableDb, id: string): RunRecord | null {
  const row = db.rows(`SELECT ${selected} FROM runs WHERE id = ?`, id)[0];
  return row ? fromRow(row) : null;
}

export function getRun(db: ReadableDb, id: string): RunDetails | null {
  const row = db.rows(`SELECT ${selected} FROM runs WHERE id = ? AND deleted_at IS NULL`, id)[0];
  const spec = db.get<{ spec: string }>('SELECT spec FROM run_specs WHERE run_id = ?', id);
  if (!row || !spec) return null;
  return { ...fromRow(row), spec: completeSpec(spec.spec), events: readEvents(db, id) };
}

/** The first text after all that begin with `prefix`, so that an index finds them: ids and hashes are plain ASCII. */
const after = (prefix: string): string => `${prefix}\u{10ffff}`;

export function findRuns(db: ReadableDb, prefix: string): string[] {
  return db
    .rows('SELECT id FROM runs WHERE id >= ? AND id < ? AND deleted_at IS NULL ORDER BY id', prefix, after(prefix))
    .map(([id]) => id as string);
}

export function findGroups(db: ReadableDb, prefix: string): string[] {
  return db
    .rows(
      'SELECT DISTINCT run_group FROM runs WHERE run_group >= ? AND run_group < ? AND deleted_at IS NULL ORDER BY run_group',
      prefix,
      after(prefix),
    )
    .map(([group]) => group as string);
}

export function listRuns(db: ReadableDb, filter: RunFilter): { runs: RunRecord[]; total: number } {
  const where = ['runs.deleted_at IS NULL'];
  const values: SqlValue[] = [];
  for (const word of (filter.search ?? '').toLowerCase().split(/\s+/).filter(Boolean)) {
    where.push('instr(runs.search_text, ?) > 0');
    values.push(word);
  }
  if (filter.status && filter.status.length > 0) {
    where.push(`runs.status IN (${filter.status.map(() => '?').join(', ')})`);
    values.push(...filter.status);
  }
  if (filter.group !== undefined) {
    where.push('runs.run_group = ?');
    values.push(filter.group);
  }
  const from = `FROM runs WHERE ${where.join(' AND ')}`;
  const limit = filter.limit ?? -1;
  const offset = filter.offset ?? 0;
  const rows = db.rows(
    `SELECT ${selected} ${from} ORDER BY runs.created_at DESC, runs.number DESC LIMIT ? OFFSET ?`,
    ...values,
    limit,
    offset,
  );
  const whole = limit < 0 && offset === 0;
  const total = whole ? rows.length : Number(db.rows(`SELECT count(*) ${from}`, ...values)[0]![0]);
  return { runs: rows.map(fromRow), total };
}

/** By seed, then fold, then age. */
export function groupRuns(db: ReadableDb, group: string): RunRecord[] {
  return db
    .rows(
      `SELECT ${selected} FROM runs WHERE run_group = ? AND deleted_at IS NULL ORDER BY seed, fold, created_at, number`,
      group,
    )
    .map(fromRow);
}

/** Sets or (null) clears the time of deletion; returns the ids that changed. */
export function markDeleted(db: WritableDb, ids: readonly string[], at: number | null): string[] {
  const sql =
    at === null
      ? 'UPDATE runs SET deleted_at = NULL WHERE id = ? AND deleted_at IS NOT NULL'
      : 'UPDATE runs SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL';
  return ids.filter((id) => db.run(sql, ...(at === null ? [id] : [at, id])) === 1);
}

/** Removes runs for good, with all that hangs on them; returns their checkpoint files. */
export function purgeDeleted(db: WritableDb, before: number): string[] {
  const files = db
    .rows(
      `SELECT DISTINCT file FROM checkpoints JOIN runs ON runs.id = checkpoints.run_id WHERE runs.deleted_at < ?
       AND file NOT IN (SELECT file FROM checkpoints JOIN runs ON runs.id = checkpoints.run_id
                        WHERE runs.deleted_at IS NULL OR runs.deleted_at >= ?)`,
      before,
      before,
    )
    .map(([file]) => file as string);
  db.run('DELETE FROM runs WHERE deleted_at < ?', before);
  return files;
}
