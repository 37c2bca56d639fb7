import Sqlite from 'better-sqlite3';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { historyFile, openStore } from '../../db/open.node.ts';
import { migrations } from '../../db/migrations/index.ts';
import type { Migration } from '../../db/migrations/migration.ts';
import { home, run, spec } from './fixtures.ts';

const folder = new URL('../../db/migrations/', import.meta.url);
const later: Migration = {
  version: migrations.at(-1)!.version + 10,
  name: 'pins',
  up: (db) => db.exec('ALTER TABLE runs ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0'),
};

const schemaOf = (file: string): string => {
  const db = new Sqlite(file, { readonly: true });
  const rows = db.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC, name').all() as {
    sql: string;
  }[];
  db.close();
  return rows.map(({ sql }) => `${sql};\n`).join('\n');
};

describe('migrations', () => {
  it('step by ten, one file each, each with a test', () => {
    const files = readdirSync(folder).filter((name) => /^\d/.test(name));
    expect(files.map((name) => Number(name.slice(0, 3)))).toEqual(migrations.map(({ version }) => version));
    migrations.forEach(({ version }, i) => expect(version).toBe(10 * (i + 1)));
    migrations.forEach(({ name }, i) => expect(files[i]).toBe(`${files[i]!.slice(0, 3)}-${name}.ts`));
    const tests = new URL('./migrations/', import.meta.url);
    for (const file of files) expect(existsSync(new URL(file.replace(/\.ts$/, '.test.ts'), tests))).toBe(true);
  });

  it('end in the schema that is written down in db/schema.sql', async () => {
    const place = home();
    openStore(place).close();
    await expect(schemaOf(join(place, historyFile))).toMatchFileSnapshot('../../db/schema.sql');
  });

  it('copy the history before they change it, and keep the rows', () => {
    const place = home();
    const before = openStore(place);
    before.insertRun(run('r1'), spec);
    before.close();
    expect(existsSync(join(place, 'backups'))).toBe(false);
    openStore(place, { migrations: [...migrations, later] }).close();
    const [copy, ...more] = readdirSync(join(place, 'backups'));
    expect(more).toEqual([]);
    const old = new Sqlite(join(place, 'backups', copy!), { readonly: true });
    expect(old.pragma('user_version', { simple: true })).toBe(migrations.at(-1)!.version);
    expect(old.prepare('SELECT id FROM runs').all()).toEqual([{ id: 'r1' }]);
    old.close();
    const after = openStore(place, { migrations: [...migrations, later] });
    expect(after.getRun('r1')?.id).toBe('r1');
    after.close();
    // the program of before refuses it now
    expect(() => openStore(place)).toThrow(/newer version/);
    expect(readdirSync(join(place, 'backups'))).toHaveLength(1);
  });

  it('leave nothing half done when they fail', () => {
    const place = home();
    const before = openStore(place);
    before.insertRun(run('r1'), spec);
    before.close();
    const broken: Migration = {
      version: migrations.at(-1)!.version + 10,
      name: 'broken',
      up: (db) => {
        db.exec('DELETE FROM runs');
        db.exec('CREATE TABLE oops (');
      },
    };
    expect(() => openStore(place, { migrations: [...migrations, broken] })).toThrow();
    const after = openStore(place);
    expect(after.getRun('r1')?.id).toBe('r1');
    after.close();
  });

  it('do not start when the copy cannot be made', () => {
    const place = home();
    const before = openStore(place);
    before.insertRun(run('r1'), spec);
    before.close();
    // a folder may not be named as the backup folder's parent file: put a file in its way
    mkdirSync(join(place, 'other'));
    const file = join(place, 'backups');
    const blocked = new Sqlite(file);
    blocked.exec('CREATE TABLE a (b)');
    blocked.close();
    expect(() => openStore(place, { migrations: [...migrations, later] })).toThrow(/cannot be made/);
    expect(readFileSync(file).subarray(0, 6).toString()).toBe('SQLite');
    const after = openStore(place);
    expect(after.getRun('r1')?.id).toBe('r1');
    after.close();
  });
});
