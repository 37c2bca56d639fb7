import { spawn } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { exportFormats } from '../../lab/contract/architectureRecords.ts';
import { jsonHere, runHere } from './cliHere.ts';
import { tinySpec } from './cliProcess.ts';

/** The next files whose path matches fail with this code: halfway through, or when they are opened. */
const disk = vi.hoisted(() => ({ fails: /^$/, code: 'ENOSPC', halfway: true }));

vi.mock('node:fs/promises', async (original) => {
  const files = await original<typeof import('node:fs/promises')>();
  const failure = (): Error => Object.assign(new Error(`${disk.code}: injected`), { code: disk.code });
  const open: typeof files.open = async (path, ...rest) => {
    if (!disk.fails.test(String(path))) return files.open(path, ...rest);
    if (!disk.halfway) throw failure();
    const handle = await files.open(path, ...rest);
    handle.writeFile = async (data: Parameters<FileHandle['writeFile']>[0]) => {
      if (data instanceof Uint8Array) await handle.write(data.subarray(0, data.length >> 1));
      throw failure();
    };
    return handle;
  };
  return { ...files, open, default: { ...files, open } };
});

const folder = mkdtempSync(join(tmpdir(), 'ablate-full-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const home = ['--home', join(folder, 'home')];
const out = join(folder, 'out');
beforeEach(() => {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  disk.fails = /^$/;
});

const refusals = [
  ['ENOSPC', true, /the disk is full \(ENOSPC\)\. Free some space there, then go on\./],
  [
    'EACCES',
    false,
    /permission is denied \(EACCES\)\. Give yourself the right to write there, or choose another file with --out\./,
  ],
  ['EROFS', false, /the file system is read-only \(EROFS\)\. Mount it writable, or choose another file with --out\./],
] as const;

describe('an export that the disk refuses', () => {
  it.each(refusals)(
    'with %s says what and where, in every format, and leaves the old file and no half of one',
    async (code, halfway, words) => {
      for (const format of exportFormats) {
        const file = join(out, `net.${format}`);
        writeFileSync(file, 'the old one');
        Object.assign(disk, { fails: /out.*\.part$/, code, halfway });
        const { code: exit, err } = await runHere('export', 'lenet', '--format', format, '--out', file, ...home);
        expect([format, exit]).toEqual([format, 6]);
        expect(err).toContain(`Cannot write net.${format} (${file}): `);
        expect(err).toMatch(words);
        expect(readFileSync(file, 'utf8')).toBe('the old one');
      }
      expect(readdirSync(out).sort()).toEqual(exportFormats.map((format) => `net.${format}`).sort());
      // there is room again
      disk.fails = /^$/;
      const file = join(out, 'net.onnx');
      expect((await runHere('export', 'lenet', '--format', 'onnx', '--out', file, ...home)).code).toBe(0);
      expect(readFileSync(file).length).toBeGreaterThan(1000);
    },
  );

  it('to a folder that is not there, or that has the name of the file, is told without the words of the system', async () => {
    const missing = join(out, 'nowhere', 'net.svg');
    const words = async (file: string) =>
      (await runHere('export', 'lenet', '--format', 'svg', '--out', file, ...home)).err;
    expect(await words(missing)).toContain(
      `(${missing}): its folder does not exist (ENOENT). Make the folder first, or choose`,
    );
    expect(await words(out)).toContain(`(${out}): a folder has that name (EISDIR). Choose another file with --out.`);
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it.runIf(process.platform !== 'win32')('never puts a file in the place of a device', async () => {
    // by a link of one's own: nothing must happen to the device itself where this fails
    const sink = join(out, 'sink');
    symlinkSync('/dev/null', sink);
    expect((await runHere('export', 'lenet', '--format', 'svg', '--out', sink, ...home)).code).toBe(0);
    expect(readlinkSync(sink)).toBe('/dev/null');
    expect(readdirSync(out)).toEqual(['sink']);
  });

  it('of a prepended spec leaves none either', async () => {
    const { runs } = await jsonHere<{ runs: { id: string }[] }>('run', specFile(), ...home);
    const file = join(out, 'spec.json');
    Object.assign(disk, { fails: /out.*\.part$/, code: 'ENOSPC', halfway: true });
    const { code, err } = await runHere('prepend', runs[0]!.id, '--out', file, ...home);
    expect([code, err]).toEqual([6, expect.stringContaining(`Cannot write spec.json (${file}): the disk is full`)]);
    expect(readdirSync(out)).toEqual([]);
  });
});

function specFile(): string {
  const file = join(folder, 'spec.json');
  const { training, data, ...spec } = tinySpec;
  // its convolution is what a stem can be put in front of
  const nodes = [
    { id: 'image', layer: 'input' },
    { id: 'conv1', layer: 'conv2d', props: { filters: 2 } },
    { id: 'pool', layer: 'globalAvgPool2d' },
    { id: 'classes', layer: 'dense', props: { units: 10 } },
  ];
  writeFileSync(
    file,
    JSON.stringify({ ...spec, data, model: { nodes }, training: { ...training, length: { steps: 2 } } }),
  );
  return file;
}

describe('an import that the disk refuses', () => {
  it.each(refusals.map(([code, halfway]) => [code, halfway] as const))(
    'with %s stores nothing, and the next one works',
    async (code, halfway) => {
      const net = join(out, 'net.onnx');
      expect((await runHere('export', 'lenet', '--format', 'onnx', '--out', net, ...home)).code).toBe(0);
      const own = ['--home', join(folder, `home-${code}`)];
      Object.assign(disk, { fails: /checkpoints.*\.part$/, code, halfway });
      const { code: exit, err } = await runHere('import', net, '--name', 'Net', ...own);
      expect(exit).toBe(6);
      expect(err).toMatch(/Cannot write the weights \(.*home-\w+.checkpoints.a\w+-1\.safetensors\): /);
      expect(readdirSync(join(own[1]!, 'checkpoints'))).toEqual([]);
      disk.fails = /^$/;
      expect((await jsonHere<{ architectures: unknown[] }>('architecture', 'list', ...own)).architectures).toEqual([]);
      expect((await runHere('import', net, '--name', 'Net', ...own)).code).toBe(0);
    },
  );
});

// /dev/full answers every write with "no space left on device"
describe.runIf(process.platform === 'linux')('output to a full disk', () => {
  it('ends with the code of the disk and one line, and what was trained is kept', async () => {
    const entry = fileURLToPath(new URL('../../node/cli/entry.ts', import.meta.url));
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [entry, 'run', specFile(), ...home], { stdio: ['ignore', full, 'pipe'] });
    closeSync(full);
    let err = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (err += text));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(err).toContain('Cannot write the output (stdout): the disk is full (ENOSPC).');
    expect(err).not.toContain('.ts:');
    expect(code).toBe(6);
    const { runs } = await jsonHere<{ runs: { status: string }[] }>('list', ...home);
    expect(runs[0]!.status).toBe('finished');
  });
});
