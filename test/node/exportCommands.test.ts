import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { encodeOnnx } from '../../lab/exports/onnx/export.ts';
import { withWeights } from '../lab/exports/forward.ts';
import { trials } from '../lab/exports/trials.ts';
import { jsonHere, runHere } from './cliHere.ts';

const folder = mkdtempSync(join(tmpdir(), 'ablate-export-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const home = ['--home', join(folder, 'home')];
const path = (name: string): string => join(folder, name);

it('a template is exported, imported, listed, compared and deleted', async () => {
  const out = path('net.onnx');
  const written = await jsonHere<{ file: string; bytes: number; notes: string[] }>(
    'export',
    'lenet',
    '--format',
    'onnx',
    '--out',
    out,
    ...home,
  );
  expect(written).toMatchObject({ file: out, bytes: readFileSync(out).length });
  expect(written.notes.join(' ')).toContain('seed 1');
  expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);

  expect((await runHere('import', out, '--check', ...home)).out).toContain('13 nodes, with weights');
  expect((await jsonHere<{ architectures: unknown[] }>('architecture', 'list', ...home)).architectures).toEqual([]);
  const imported = await runHere('import', out, '--name', 'Le net', '--tag', 'paper', ...home);
  expect(imported.code).toBe(0);
  expect(imported.out).toMatch(/Le net +a\w+ +version 1, 13 nodes, 61\.7 k parameters, with weights/);
  const list = (await runHere('architecture', 'list', ...home)).out;
  expect(list).toContain('Le net');
  expect(list).toContain('template:residual');
  expect((await runHere('architecture', 'show', 'le NET', ...home)).out).toMatch(/1 .* stored +net\.onnx/);

  const same = await runHere('architecture', 'diff', 'lenet', 'Le net', ...home);
  expect(same.out).toContain('The models are the same.');
  const diff = await runHere('architecture', 'diff', 'Le net', 'template:cnn-fashion', ...home);
  expect(diff.out).toMatch(/^\+ .*dropout/m);
  expect(diff.out).toMatch(/parameters +61,706 → /);

  expect((await runHere('architecture', 'update', 'le net', '--name', 'Other', '--untag', ...home)).code).toBe(0);
  expect((await runHere('architecture', 'delete', 'other', ...home)).out).toMatch(/^Deleted a/);
  expect((await runHere('architecture', 'show', 'other', ...home)).code).toBe(4);
});

it('every format has a file and says what it does not keep', async () => {
  for (const [format, extension] of Object.entries({
    json: 'json',
    pytorch: 'py',
    keras: 'py',
    svg: 'svg',
    safetensors: 'safetensors',
  })) {
    const out = path(`each-${format}.${extension}`);
    const { code, out: said } = await runHere(
      'export',
      'template:mlp-sigmoid',
      '--format',
      format,
      '--out',
      out,
      ...home,
    );
    expect([format, code]).toEqual([format, 0]);
    expect(said).toContain(out);
    expect(readFileSync(out).length).toBeGreaterThan(200);
  }
});

it('wrong words and files are told with their codes', async () => {
  const cases: readonly (readonly [number, RegExp, readonly string[]])[] = [
    [2, /--format takes one of json, onnx/, ['export', 'lenet']],
    [2, /not "onx"/, ['export', 'lenet', '--format', 'onx']],
    [2, /--checkpoint takes/, ['export', 'lenet', '--format', 'onnx', '--checkpoint', 'first']],
    [4, /no architecture, template or run "nothing"/, ['export', 'nothing', '--format', 'svg']],
    [6, /Cannot write/, ['export', 'lenet', '--format', 'svg', '--out', path('no/such/folder/x.svg')]],
    [3, /There is no file/, ['import', path('missing.onnx')]],
    [3, /is a folder/, ['import', folder]],
  ];
  for (const [code, message, words] of cases) {
    const result = await runHere(...words, ...home);
    expect([words.join(' '), result.code]).toEqual([words.join(' '), code]);
    expect(result.err).toMatch(message);
    expect(result.out).toBe('');
  }
  const whole = encodeOnnx(withWeights(trials[0]!), { version: 'test' });
  writeFileSync(path('cut.onnx'), whole.subarray(0, whole.length - 20));
  const cut = await runHere('import', path('cut.onnx'), ...home);
  expect(cut.code).toBe(3);
  expect(cut.err).toMatch(/cut\.onnx: byte \d+, /);
  expect((await jsonHere<{ architectures: unknown[] }>('architecture', 'list', ...home)).architectures).toEqual([]);
});
