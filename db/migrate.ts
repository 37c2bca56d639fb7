import type Sqlite from 'better-sqlite3';
import { LabError } from '../lab/contract/errors.ts';
import type { Migration } from './migrations/migration.ts';
import { wrap } from './sql.ts';

export interface MigrateOptions {
  /** Path of the database file, for messages. */
  readonly file: string;
  /** Called once, before the first migration of a history that holds something. */
  readonly backup: (from: number, to: number) => void;
}

/** The version a database was left at; 0 is an empty one. */
export function versionOf(db: Sqlite.Database): number {
  return Number(db.pragma('user_version', { simple: true }));
}

/** Refuses a database of a later program, before anything is written to it. */
export function refuseNewer(db: Sqlite.Database, migrations: readonly Migration[], file: string): void {
  const version = versionOf(db);
  const latest = migrations.at(-1)?.version ?? 0;
  if (version > latest) {
    throw new LabError(
      'database',
      `${file} was written by a newer version of the lab (its format is ${version}, this one knows up to ${latest}). ` +
        `Update the lab, or choose another home folder with ABLATE_HOME. Nothing was changed.`,
    );
  }
}

/** Brings the schema up to date, one transaction per step. Returns how many steps were taken. */
export function migrate(db: Sqlite.Database, migrations: readonly Migration[], options: MigrateOptions): number {
  refuseNewer(db, migrations, options.file);
  const from = versionOf(db);
  const due = migrations.filter((each) => each.version > from);
  if (due.length === 0) return 0;
  if (from > 0) options.backup(from, due.at(-1)!.version);
  const handle = wrap(db);
  for (const step of due) {
    db.transaction(() => {
      step.up(handle);
      db.pragma(`user_version = ${step.version}`);
    }).immediate();
  }
  return due.length;
}
