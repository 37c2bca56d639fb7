// The walls of rooms.ts hold: bad imports are planted in a small house of the same layout, and both guards must find every
// one of them, and nothing else.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ESLint } from 'eslint';
import svelte from 'eslint-plugin-svelte';
import ts from 'typescript-eslint';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fault, hostOf, placeOf, places, rooms } from '../rooms.ts';
import { cruiseRooms, type Verdict } from '../scripts/rooms.ts';
import { roomsRule } from '../scripts/roomsRule.ts';

const repository = join(import.meta.dirname, '..');
const svelteScript = (code: string): string => `<script lang="ts">\n${code}\n</script>\n<p>here</p>\n`;

/** A house without a fault. Every allowed way between rooms is used once. */
const sound: Record<string, string> = {
  'engine/index.ts': "export { add } from './math.ts';\nexport type { Sum } from './math.ts';",
  'engine/math.ts': 'export interface Sum { a: number }\nexport const add = (a: number, b: number): number => a + b;',
  'engine/host/spawn.node.ts':
    "import { availableParallelism } from 'node:os';\nexport const cores = availableParallelism();",
  'engine/worker/entry.node.ts': "import { cores } from '../host/spawn.node.ts';\nconsole.log(cores);",
  'engine/worker/entry.web.ts': "import { add } from '../math.ts';\nexport const two = add(1, 1);",
  'lab/contract/records.ts': "import { z } from 'zod';\nexport const record = z.string();",
  'lab/spec/schema.ts': "import { record } from '../contract/records.ts';\nexport const schema = record;",
  'lab/ports.ts': 'export interface Store { close(): void }\nexport const version = 1;',
  'lab/app.ts': "import { add } from '../engine/index.ts';\nexport const app = add(1, 2);",
  'db/open.node.ts':
    "import { readFileSync } from 'node:fs';\nimport Database from 'better-sqlite3';\nexport const open = () => [readFileSync, Database];",
  'db/sql.ts': "import type { Database } from 'better-sqlite3';\nexport type Handle = Database;",
  'db/store.ts':
    "import type { Store } from '../lab/ports.ts';\nimport { record } from '../lab/contract/records.ts';\nexport const store: Store = { close: () => void record };",
  'node/trainer.ts': "export const entry = new URL('../engine/worker/entry.node.ts', import.meta.url);",
  'node/compose.ts':
    "import { join } from 'node:path';\nimport { open } from '../db/open.node.ts';\nimport { app } from '../lab/app.ts';\nimport { WebSocketServer } from 'ws';\nexport const lab = [join, open, app, WebSocketServer];",
  'electron/channels.ts': "export const channel = 'lab';",
  'electron/main.ts':
    "import { app } from 'electron';\nimport { lab } from '../node/compose.ts';\nexport const main = [app, lab];",
  'electron/preload.ts':
    "import { contextBridge } from 'electron';\nimport { channel } from './channels.ts';\ncontextBridge.exposeInMainWorld(channel, {});",
  'renderer/main.ts':
    "import { mount } from 'svelte';\nimport App from './App.svelte';\nimport { record } from '../lab/contract/records.ts';\nimport { add } from '../engine/index.ts';\nexport const page = [mount, App, record, add];",
  'renderer/App.svelte': svelteScript(
    "import type { Sum } from '../engine/index.ts';\nconst sum: Sum = { a: 1 };\nvoid sum;",
  ),
  'bench/main.ts': "import { add } from '../engine/math.ts';\nexport const speed = add(1, 1);",
  'test/app.test.ts': "import { app } from '../lab/app.ts';\nexport const seen = app;",
};

/** What must be refused: file, code, and whether dependency-cruiser can see it too (eslint must see all). */
const planted: { file: string; code: string; seenByCruiser?: false }[] = [
  { file: 'engine/bad/lab.ts', code: "import { app } from '../../lab/app.ts';\nexport const x = app;" },
  { file: 'engine/bad/labType.ts', code: "import type { Store } from '../../lab/ports.ts';\nexport type X = Store;" },
  { file: 'engine/bad/core.ts', code: "import { readFileSync } from 'node:fs';\nexport const x = readFileSync;" },
  { file: 'engine/bad/bareCore.ts', code: "import { readFileSync } from 'fs';\nexport const x = readFileSync;" },
  { file: 'engine/bad/suffix.ts', code: "import { cores } from '../host/spawn.node.ts';\nexport const x = cores;" },
  { file: 'engine/bad/reexport.ts', code: "export { cores } from '../host/spawn.node.ts';" },
  { file: 'engine/bad/lazy.ts', code: "export const x = (): Promise<unknown> => import('../host/spawn.node.ts');" },
  { file: 'engine/bad/page.web.ts', code: "import { cores } from '../host/spawn.node.ts';\nexport const x = cores;" },
  { file: 'engine/bad/package.ts', code: "import { z } from 'zod';\nexport const x = z;" },
  { file: 'lab/bad/inside.ts', code: "import { add } from '../../engine/math.ts';\nexport const x = add;" },
  { file: 'lab/bad/node.ts', code: "import { join } from 'node:path';\nexport const x = join;" },
  { file: 'lab/bad/sql.ts', code: "import Database from 'better-sqlite3';\nexport const x = Database;" },
  { file: 'lab/bad/db.ts', code: "import { store } from '../../db/store.ts';\nexport const x = store;" },
  { file: 'db/bad/ports.ts', code: "import { version } from '../../lab/ports.ts';\nexport const x = version;" },
  { file: 'db/bad/app.ts', code: "import { app } from '../../lab/app.ts';\nexport const x = app;" },
  { file: 'db/bad/sqlite.node.ts', code: "import Database from 'better-sqlite3';\nexport const x = Database;" },
  { file: 'db/bad/core.ts', code: "import { join } from 'node:path';\nexport const x = join;" },
  { file: 'node/bad/inside.ts', code: "import { add } from '../../engine/math.ts';\nexport const x = add;" },
  { file: 'node/bad/electron.ts', code: "import { app } from 'electron';\nexport const x = app;" },
  { file: 'node/bad/page.ts', code: "export { page } from '../../renderer/main.ts';" },
  {
    file: 'node/bad/url.ts',
    code: "export const x = new URL('../../engine/math.ts', import.meta.url);",
    seenByCruiser: false,
  },
  { file: 'electron/bad/db.ts', code: "import { open } from '../../db/open.node.ts';\nexport const x = open;" },
  { file: 'electron/bad/app.ts', code: "import { app } from '../../lab/app.ts';\nexport const x = app;" },
  { file: 'renderer/bad/app.ts', code: "import { app } from '../../lab/app.ts';\nexport const x = app;" },
  { file: 'renderer/bad/node.ts', code: "import { join } from 'node:path';\nexport const x = join;" },
  { file: 'renderer/bad/electron.ts', code: "import { ipcRenderer } from 'electron';\nexport const x = ipcRenderer;" },
  { file: 'renderer/bad/Value.svelte', code: svelteScript("import { app } from '../../lab/app.ts';\nvoid app;") },
  {
    file: 'renderer/bad/Type.svelte',
    code: svelteScript("import type { Store } from '../../lab/ports.ts';\nconst x: Store | null = null;\nvoid x;"),
    seenByCruiser: false,
  },
  { file: 'renderer/bad/test.ts', code: "import { seen } from '../../test/app.test.ts';\nexport const x = seen;" },
];
/** Breaks a whole file's narrower rules, so it lives in a house of its own. */
const plantedPreload =
  "import { contextBridge } from 'electron';\nimport { lab } from '../node/compose.ts';\ncontextBridge.exposeInMainWorld('lab', lab);";

const folders: string[] = [];
function house(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'ablate-rooms-'));
  folders.push(root);
  for (const [file, code] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), `${code}\n`);
  }
  for (const link of ['node_modules', 'package.json']) symlinkSync(join(repository, link), join(root, link));
  return root;
}

/** Files of a house that the rule complains about, each with its messages. */
async function lint(root: string): Promise<Record<string, string[]>> {
  const eslint = new ESLint({
    cwd: root,
    overrideConfigFile: true,
    overrideConfig: [
      ...(svelte.configs.base as []),
      { files: ['**/*.ts'], languageOptions: { parser: ts.parser } },
      { files: ['**/*.svelte'], languageOptions: { parserOptions: { parser: ts.parser } } },
      { plugins: { rooms: { rules: { imports: roomsRule } } }, rules: { 'rooms/imports': 'error' } },
    ] as ESLint.Options['overrideConfig'] & object,
  });
  const results = await eslint.lintFiles(['**/*.ts', '**/*.svelte']);
  return Object.fromEntries(
    results
      .filter((result) => result.messages.length > 0)
      .map((result) => [result.filePath.slice(root.length + 1), result.messages.map((message) => message.message)]),
  );
}

let soundVerdict: Verdict;
let badVerdict: Verdict;
let soundLint: Record<string, string[]>;
let badLint: Record<string, string[]>;

beforeAll(async () => {
  const soundHouse = house(sound);
  const badHouse = house({
    ...sound,
    ...Object.fromEntries(planted.map(({ file, code }) => [file, code])),
    'electron/preload.ts': plantedPreload,
  });
  // one after the other: dependency-cruiser works in the process's own working directory
  soundVerdict = await cruiseRooms(soundHouse);
  badVerdict = await cruiseRooms(badHouse);
  soundLint = await lint(soundHouse);
  badLint = await lint(badHouse);
}, 60_000);

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe('dependency-cruiser', () => {
  it('looks into every file of a sound house and finds nothing', () => {
    expect(soundVerdict.violations).toEqual([]);
    for (const room of rooms) {
      const files = Object.keys(sound).filter((file) => file.startsWith(room.path)).length;
      expect(soundVerdict.modules[room.path.slice(0, -1)] ?? 0, room.path).toBe(files);
    }
  });

  it.each(planted.filter((each) => each.seenByCruiser !== false))('finds $file', ({ file }) => {
    expect(badVerdict.violations.filter((line) => line.includes(` ${file} -> `))).not.toEqual([]);
  });

  it('holds the preload script to its own, narrower rules', () => {
    expect(badVerdict.violations.filter((line) => line.includes(' electron/preload.ts -> '))).not.toEqual([]);
  });

  it('blames nothing else', () => {
    const guilty = new Set(['electron/preload.ts', ...planted.map((each) => each.file)]);
    const innocent = badVerdict.violations.filter((line) => !guilty.has(/: (\S+) -> /.exec(line)?.[1] ?? ''));
    expect(innocent).toEqual([]);
  });
});

describe('eslint', () => {
  it('finds nothing in a sound house', () => {
    expect(soundLint).toEqual({});
  });

  it.each(planted)('finds $file', ({ file }) => {
    expect(badLint[file]?.[0]).toContain(file);
  });

  it('blames only what is guilty, and says what would be allowed', () => {
    expect(Object.keys(badLint).sort()).toEqual(['electron/preload.ts', ...planted.map((each) => each.file)].sort());
    expect(badLint['renderer/bad/app.ts']).toEqual([
      'renderer/bad/app.ts imports lab/app.ts; renderer/ may import lab/contract/, engine/index.ts.',
    ]);
  });

  it('runs the rule on the real tree', async () => {
    const eslint = new ESLint({ cwd: repository });
    for (const file of ['engine/index.ts', 'renderer/App.svelte', 'electron/main.ts']) {
      const config = (await eslint.calculateConfigForFile(join(repository, file))) as {
        rules: Record<string, unknown[]>;
      };
      expect(config.rules['rooms/imports']?.[0], file).toBe(2);
    }
  });
});

describe('the table', () => {
  it('gives a file to the narrowest place', () => {
    expect(placeOf('electron/preload.ts')?.path).toBe('electron/preload.ts');
    expect(placeOf('electron/main.ts')?.path).toBe('electron/');
    expect(placeOf('vite.web.config.ts')).toBeUndefined();
  });

  it('names only rooms that exist in it', () => {
    const known = rooms.map((room) => room.path);
    for (const place of places) {
      for (const path of [...place.imports, ...place.types, ...place.urls].filter((each) => each !== '*')) {
        expect(
          known.some((room) => path.startsWith(room)),
          `${place.path} -> ${path}`,
        ).toBe(true);
      }
    }
  });

  it('reads hosts from names', () => {
    expect([hostOf('engine/a.node.ts'), hostOf('engine/a.web.ts'), hostOf('engine/a.ts')]).toEqual([
      'node',
      'web',
      'any',
    ]);
  });

  it('keeps configuration out of the product', () => {
    expect(fault({ from: 'lab/app.ts', to: { file: 'rooms.ts' }, how: 'value' })).toContain('configuration');
  });
});
