import type {
  ArchitectureDetails,
  ArchitectureRecord,
  ArchitectureVersion,
} from '../../lab/contract/architectureRecords.ts';
import { LabError } from '../../lab/contract/errors.ts';
import { specSchema } from '../../lab/contract/spec.ts';
import type { ArchitectureFilter, ArchitecturePatch, NewArchitecture } from '../../lab/ports.ts';
import type { ReadableDb, SqlValue, WritableDb } from '../sql.ts';

interface Row {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly tags: string;
  readonly created_at: number;
  readonly updated_at: number;
}

interface VersionRow {
  readonly architecture_id: string;
  readonly version: number;
  readonly created_at: number;
  readonly note: string;
  readonly model: string;
  readonly dataset: string | null;
  readonly input_shape: string | null;
  readonly classes: number | null;
  readonly parameters: number | null;
  readonly macs_per_image: number | null;
  readonly weights_file: string | null;
  readonly weights_hash: string | null;
  readonly weights_bytes: number | null;
  readonly source: string;
}

type Model = ArchitectureVersion['model'];

/** A stored model may be older than some fields of its format; it gets their defaults. */
function completeModel(text: string): Model {
  const stored: unknown = JSON.parse(text);
  const { success, data } = specSchema.shape.model.safeParse(stored);
  return success ? data : (stored as Model);
}

const versionOf = (row: VersionRow): ArchitectureVersion => ({
  version: row.version,
  createdAt: row.created_at,
  note: row.note,
  model: completeModel(row.model),
  dataset: row.dataset,
  inputShape: row.input_shape === null ? null : (JSON.parse(row.input_shape) as [number, number, number]),
  classes: row.classes,
  parameters: row.parameters,
  macsPerImage: row.macs_per_image,
  weights:
    row.weights_file === null
      ? null
      : { file: row.weights_file, hash: row.weights_hash ?? '', bytes: row.weights_bytes ?? 0 },
  source: row.source,
});

const recordOf = (row: Row, latest: ArchitectureVersion): ArchitectureRecord => ({
  id: row.id,
  name: row.name,
  description: row.description,
  tags: JSON.parse(row.tags) as string[],
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  latest,
});

/** Names that differ in the case of letters only are one. */
const keyOf = (name: string): string => name.normalize('NFC').toLowerCase();
const searchText = ({ name, description, tags }: Pick<ArchitectureRecord, 'name' | 'description' | 'tags'>): string =>
  [name, ...tags, description].join('\n').toLowerCase();

/** Throws LabError 'state' for a name that another one has. */
function refuseTaken(db: ReadableDb, name: string, own: string | null): void {
  const taken = db.get<{ id: string }>(
    'SELECT id FROM architectures WHERE name_key = ? AND deleted_at IS NULL AND id IS NOT ?',
    keyOf(name),
    own,
  );
  if (taken)
    throw new LabError(
      'state',
      `There is an architecture ${JSON.stringify(name)} already (${taken.id}); choose another name.`,
    );
}

export function insertArchitecture(db: WritableDb, { version, ...record }: NewArchitecture): void {
  refuseTaken(db, record.name, null);
  db.run(
    `INSERT INTO architectures (id, name, name_key, description, tags, created_at, updated_at, search_text)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    record.id,
    record.name,
    keyOf(record.name),
    record.description,
    JSON.stringify(record.tags),
    version.createdAt,
    version.createdAt,
    searchText(record),
  );
  addArchitectureVersion(db, record.id, version);
}

/** A version is written once. */
export function addArchitectureVersion(db: WritableDb, id: string, version: ArchitectureVersion): void {
  db.run(
    `INSERT INTO architecture_versions (architecture_id, version, created_at, note, model, dataset, input_shape, classes,
     parameters, macs_per_image, weights_file, weights_hash, weights_bytes, source)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    version.version,
    version.createdAt,
    version.note,
    JSON.stringify(version.model),
    version.dataset,
    version.inputShape === null ? null : JSON.stringify(version.inputShape),
    version.classes,
    version.parameters,
    version.macsPerImage,
    version.weights?.file ?? null,
    version.weights?.hash ?? null,
    version.weights?.bytes ?? null,
    version.source,
  );
  db.run('UPDATE architectures SET updated_at = ? WHERE id = ?', version.createdAt, id);
}

export function updateArchitecture(db: WritableDb, id: string, patch: ArchitecturePatch): void {
  const before = getArchitecture(db, id);
  if (!before) throw new LabError('notFound', `There is no architecture ${id}.`);
  const { name = before.name, description = before.description, tags = before.tags, updatedAt } = patch;
  refuseTaken(db, name, id);
  db.run(
    `UPDATE architectures SET name = ?, name_key = ?, description = ?, tags = ?, updated_at = ?, search_text = ? WHERE id = ?`,
    name,
    keyOf(name),
    description,
    JSON.stringify(tags),
    updatedAt,
    searchText({ name, description, tags }),
    id,
  );
}

const columns = 'id, name, description, tags, created_at, updated_at';

/** Deleted ones are not found. */
export function getArchitecture(db: ReadableDb, id: string): ArchitectureDetails | null {
  const row = db.get<Row>(`SELECT ${columns} FROM architectures WHERE id = ? AND deleted_at IS NULL`, id);
  if (!row) return null;
  const versions = db
    .all<VersionRow>('SELECT * FROM architecture_versions WHERE architecture_id = ? ORDER BY version DESC', id)
    .map(versionOf);
  return { ...recordOf(row, versions[0]!), versions };
}

/** Ids of those that have this name, or else whose id begins so. */
export function findArchitectures(db: ReadableDb, text: string): string[] {
  const named = db.rows('SELECT id FROM architectures WHERE name_key = ? AND deleted_at IS NULL', keyOf(text.trim()));
  const found =
    named.length > 0
      ? named
      : db.rows(
          'SELECT id FROM architectures WHERE id >= ? AND id < ? AND deleted_at IS NULL ORDER BY id',
          text,
          `${text}\u{10ffff}`,
        );
  return found.map(([id]) => id as string);
}

/** Latest changed first. */
export function listArchitectures(db: ReadableDb, filter: ArchitectureFilter): ArchitectureRecord[] {
  const where = ['deleted_at IS NULL'];
  const values: SqlValue[] = [];
  for (const word of (filter.search ?? '').toLowerCase().split(/\s+/).filter(Boolean)) {
    where.push('instr(search_text, ?) > 0');
    values.push(word);
  }
  if (filter.tag !== undefined) {
    where.push('EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)');
    values.push(filter.tag);
  }
  const rows = db.all<Row>(
    `SELECT ${columns} FROM architectures WHERE ${where.join(' AND ')} ORDER BY updated_at DESC, number DESC`,
    ...values,
  );
  const latest = new Map(
    db
      .all<VersionRow>(
        `SELECT * FROM architecture_versions AS v
         WHERE version = (SELECT max(version) FROM architecture_versions WHERE architecture_id = v.architecture_id)`,
      )
      .map((row) => [row.architecture_id, versionOf(row)]),
  );
  return rows.map((row) => recordOf(row, latest.get(row.id)!));
}

/** Sets or (null) clears the time of deletion; returns the ids that changed. Throws when a name has been taken meanwhile. */
export function markArchitecturesDeleted(db: WritableDb, ids: readonly string[], at: number | null): string[] {
  return ids.filter((id) => {
    if (at !== null)
      return db.run('UPDATE architectures SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL', at, id) === 1;
    const row = db.get<{ name: string }>('SELECT name FROM architectures WHERE id = ? AND deleted_at IS NOT NULL', id);
    if (!row) return false;
    refuseTaken(db, row.name, id);
    return db.run('UPDATE architectures SET deleted_at = NULL WHERE id = ?', id) === 1;
  });
}

/** Files of weights of all versions, those of deleted ones too. */
export function architectureFiles(db: ReadableDb): string[] {
  return db
    .rows('SELECT weights_file FROM architecture_versions WHERE weights_file IS NOT NULL ORDER BY weights_file')
    .map(([file]) => file as string);
}

/** Removes deleted ones for good; returns their files of weights. */
export function purgeArchitectures(db: WritableDb, before: number): string[] {
  const files = db
    .rows(
      `SELECT weights_file FROM architecture_versions JOIN architectures ON architectures.id = architecture_id
       WHERE deleted_at < ? AND weights_file IS NOT NULL`,
      before,
    )
    .map(([file]) => file as string);
  db.run('DELETE FROM architectures WHERE deleted_at < ?', before);
  return files;
}
