import Sqlite from 'better-sqlite3';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { translate } from '../../db/errors.ts';
import { migrations } from '../../db/migrations/index.ts';
import { historyFile, openStore } from '../../db/open.node.ts';
import { LabError } from '../../lab/contract/errors.ts';
import { home, run, spec } from './fixtures.ts';

function refusal(body: () => unknown): LabError {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(LabError);
    return error as LabError;
  }
  throw new Error('nothing was refused');
}

/** A process that opens the history in `folder` and stays. */
async function holder(folder: string): Promise<{ pid: number; kill(): Promise<void> }> {
  const code = `import { openStore } from ${JSON.stringify(new URL('../../db/open.node.ts', import.meta.url).href)};
    const store = openStore(${JSON.stringify(folder)}); store.setSetting('alive', true);
    console.log('open'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', (status) => reject(new Error(`the holder ended with ${status}`)));
  });
  return {
    pid: child.pid!,
    kill: () =>
      new Promise((resolve) => {
        child.removeAllListeners('exit');
        child.once('exit', () => resolve());
        child.kill('SIGKILL');
      }),
  };
}

describe('opening', () => {
  it('begins a history in a folder that is not there yet and finds it again', () => {
    const folder = join(home(), 'a', 'b');
    const first = openStore(folder);
    first.insertRun(run('r1'), spec);
    first.close();
    first.close();
    const second = openStore(folder);
    expect(second.getRun('r1')?.id).toBe('r1');
    second.close();
    expect(readdirSync(folder).sort()).toEqual(['history.lock', historyFile]);
  });

  it('refuses a second process, naming the folder and the process, and takes over after kill -9', async () => {
    const folder = home();
    const other = await holder(folder);
    try {
      const error = refusal(() => openStore(folder));
      expect(error.code).toBe('inUse');
      expect(error.message).toContain(folder);
      expect(error.message).toContain(String(other.pid));
    } finally {
      await other.kill();
    }
    const store = openStore(folder);
    expect(store.getSetting('alive')).toBe(true);
    store.close();
  });

  it('refuses the same history twice in one process', () => {
    const folder = home();
    const store = openStore(folder);
    expect(refusal(() => openStore(folder)).code).toBe('inUse');
    store.close();
    openStore(folder).close();
  });

  it('tells of a file that is no database, and leaves it alone', () => {
    const folder = home();
    const file = join(folder, historyFile);
    writeFileSync(file, 'not a database, but long enough to be one: '.repeat(30));
    const before = readFileSync(file);
    const error = refusal(() => openStore(folder));
    expect(error.code).toBe('database');
    expect(error.message).toContain(file);
    expect(error.message).toMatch(/damaged/);
    expect(readFileSync(file)).toEqual(before);
    // and holds nothing: the same again, not "in use"
    expect(refusal(() => openStore(folder)).code).toBe('database');
  });

  it('checks a history after an unclean end and refuses a torn one', async () => {
    const folder = home();
    const store = openStore(folder);
    store.transaction(() => {
      for (let i = 0; i < 300; i++) store.insertRun(run(`r${i}`, { note: 'x'.repeat(2000) }), spec);
    });
    store.close();
    const file = join(folder, historyFile);
    const bytes = readFileSync(file);
    // pages of zeros in the middle: what a disk that lied leaves behind
    bytes.fill(0, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 40960);
    writeFileSync(file, bytes);
    writeFileSync(join(folder, 'history.owner.json'), '{"pid": 1}');
    const error = refusal(() => openStore(folder));
    expect(error.code).toBe('database');
    expect(error.message).toMatch(/backups/);
    truncateSync(file, 4096);
    expect(refusal(() => openStore(folder)).code).toBe('database');
  });

  it('refuses a history of a newer program with both versions', () => {
    const folder = home();
    openStore(folder).close();
    const db = new Sqlite(join(folder, historyFile));
    db.pragma('user_version = 990');
    db.close();
    const error = refusal(() => openStore(folder));
    expect(error.code).toBe('database');
    expect(error.message).toContain(`is 990, this one knows up to ${migrations.at(-1)!.version}`);
  });

  it('refuses a home that is a file, with its name', () => {
    const file = join(home(), 'file');
    writeFileSync(file, '');
    const error = refusal(() => openStore(file));
    expect(error.code).toBe('disk');
    expect(error.message).toContain(file);
    expect(refusal(() => openStore(join(file, 'below'))).code).toBe('disk');
  });

  it('refuses a history file that is a folder', () => {
    const folder = home();
    mkdirSync(join(folder, historyFile));
    expect(refusal(() => openStore(folder)).code).toBe('disk');
  });

  it.skipIf(process.platform === 'win32')(
    'says "disk" when there is no room (a file size limit, which Windows lacks, stands in)',
    () => {
      const folder = home();
      // a limit on the size of files stands in for a full disk: SQLite sees the write fail
      const code = `import { openStore } from ${JSON.stringify(new URL('../../db/open.node.ts', import.meta.url).href)};
      process.on('SIGXFSZ', () => {});
      const store = openStore(${JSON.stringify(folder)});
      try { store.setSetting('big', 'x'.repeat(3_000_000)); console.log('written'); }
      catch (error) { console.log(error.code, error.message); }
      try { store.setSetting('small', 1); } catch (error) { console.log(error.code); }`;
      const out = execFileSync(
        'bash',
        ['-c', 'ulimit -f 1000; exec "$0" --input-type=module-typescript -e "$1"', process.execPath, code],
        {
          encoding: 'utf8',
        },
      );
      expect(out).toMatch(/^disk /);
      expect(out).toContain(folder);
      const store = openStore(folder);
      expect(store.getSetting('big')).toBeUndefined();
      store.close();
      expect(existsSync(join(folder, historyFile))).toBe(true);
    },
  );
});

describe('messages', () => {
  it('cover what SQLite reports', () => {
    const code = (sqlite: string): unknown =>
      Reflect.get(Object(translate(Object.assign(new Error('x'), { code: sqlite }), '/h/f')), 'code');
    expect(code('SQLITE_FULL')).toBe('disk');
    expect(code('SQLITE_READONLY_DBMOVED')).toBe('disk');
    expect(code('SQLITE_IOERR_FSYNC')).toBe('disk');
    expect(code('SQLITE_CORRUPT_INDEX')).toBe('database');
    expect(code('SQLITE_BUSY')).toBe('inUse');
    expect(code('SQLITE_CONSTRAINT')).toBe('SQLITE_CONSTRAINT');
    expect(translate('odd', '/h/f')).toBe('odd');
  });
});
