import Sqlite from 'better-sqlite3';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../lab/contract/errors.ts';
import type { Store } from '../lab/ports.ts';
import { damaged, translate } from './errors.ts';
import { migrate, refuseNewer, versionOf } from './migrate.ts';
import { migrations as allMigrations } from './migrations/index.ts';
import type { Migration } from './migrations/migration.ts';
import { createStore } from './store.ts';

export interface OpenOptions {
  /** Tests bring their own. */
  readonly migrations?: readonly Migration[];
}

/** Names inside the home folder. */
export const historyFile = 'history.sqlite';
const lockFile = 'history.lock';
const ownerFile = 'history.owner.json';
const backupFolder = 'backups';
/**
 * Locks that this process holds. A handle that nothing names any more is collected, and its lock would go with it while the
 * process believes to be alone.
 */
const held = new Set<Sqlite.Database>();
/** An ending process needs a moment to let go. */
const lockPatience = 1000;

/**
 * Opens (or begins) the history in `home` and holds it alone until `close`. Throws LabError: 'inUse' when another process
 * has it, 'disk' when the folder cannot be used, 'database' when the file is damaged or of a newer version.
 */
export function openStore(home: string, options: OpenOptions = {}): Store {
  const file = join(home, historyFile);
  const migrations = options.migrations ?? allMigrations;
  makeFolder(home);
  const lock = takeLock(home);
  let db: Sqlite.Database | undefined;
  try {
    // the lock of a process that was killed is gone, but its note about itself is still there
    const unclean = existsSync(join(home, ownerFile));
    db = new Sqlite(file, { timeout: 5000 });
    refuseNewer(db, migrations, file);
    if (unclean) checkIntegrity(db, file);
    // FULL: a checkpoint's record must survive a power cut, because the file it replaces is removed right after
    for (const pragma of ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON', 'cell_size_check = ON']) {
      db.pragma(pragma);
    }
    const open = db;
    migrate(db, migrations, { file, backup: (from, to) => backup(open, home, from, to) });
    writeOwner(home);
    return createStore(
      db,
      file,
      onlyOnce(() => closeAll(open, lock, home)),
    );
  } catch (error) {
    db?.close();
    release(lock);
    throw translate(error, file);
  }
}

function onlyOnce(body: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    body();
  };
}

function closeAll(db: Sqlite.Database, lock: Sqlite.Database, home: string): void {
  try {
    db.pragma('optimize');
    db.close();
    rmSync(join(home, ownerFile), { force: true });
  } finally {
    release(lock);
  }
}

function release(lock: Sqlite.Database): void {
  held.delete(lock);
  lock.close();
}

function makeFolder(home: string): void {
  try {
    mkdirSync(home, { recursive: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LabError(
      'disk',
      `The home folder ${home} cannot be made (${reason}). Choose a folder that can be written with ABLATE_HOME.`,
    );
  }
}

/**
 * An exclusive transaction on a database of its own: the operating system lets go of it however the process ends, so there
 * is no stale lock to guess about.
 */
function takeLock(home: string): Sqlite.Database {
  const file = join(home, lockFile);
  let lock: Sqlite.Database | undefined;
  try {
    lock = new Sqlite(file, { timeout: lockPatience });
    lock.pragma('journal_mode = DELETE');
    lock.exec('BEGIN EXCLUSIVE');
    held.add(lock);
    return lock;
  } catch (error) {
    lock?.close();
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    if (typeof code === 'string' && code.startsWith('SQLITE_BUSY')) {
      const pid = readOwner(home);
      const who = pid === null ? 'another process' : `another process (number ${pid})`;
      throw new LabError(
        'inUse',
        `The history in ${home} is in use by ${who}. Close that one first, or choose another folder with ABLATE_HOME.`,
      );
    }
    throw translate(error, file);
  }
}

function writeOwner(home: string): void {
  try {
    writeFileSync(join(home, ownerFile), JSON.stringify({ pid: process.pid, since: new Date().toISOString() }));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LabError(
      'disk',
      `${join(home, ownerFile)} cannot be written (${reason}). Free some space or choose another ABLATE_HOME.`,
    );
  }
}

function readOwner(home: string): number | null {
  try {
    const owner: unknown = JSON.parse(readFileSync(join(home, ownerFile), 'utf8'));
    const pid: unknown = (owner as { pid?: unknown } | null)?.pid;
    return typeof pid === 'number' ? pid : null;
  } catch {
    return null;
  }
}

function checkIntegrity(db: Sqlite.Database, file: string): void {
  const answers = db.pragma('quick_check(3)') as { quick_check: string }[];
  const faults = answers.map((each) => each.quick_check).filter((each) => each !== 'ok');
  if (faults.length > 0) throw damaged(file, faults.join('; ').replaceAll('\n', ' '));
}

function backup(db: Sqlite.Database, home: string, from: number, to: number): void {
  const folder = join(home, backupFolder);
  makeFolder(folder);
  const time = new Date().toISOString().replace(/[:.]/g, '-');
  const target = join(folder, `history-format-${from}-before-${to}-${time}.sqlite`);
  try {
    db.prepare('VACUUM INTO ?').run(target);
    const copy = new Sqlite(target, { readonly: true });
    const same = versionOf(copy) === from;
    copy.close();
    if (!same)
      throw new LabError(
        'disk',
        `The backup ${target} is not what was written to it. Nothing was migrated; check the disk.`,
      );
  } catch (error) {
    rmSync(target, { force: true });
    throw translate(error, target);
  }
}
