import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Backend } from '../../engine/backend.ts';
import { referenceBackend } from '../../engine/reference/index.ts';
import { compareCase } from './compare.ts';
import type { GoldenCase } from './cases.ts';
import { loadGroup } from './cases.ts';
import { formatReport } from './report.ts';
import { runGolden } from './runner.ts';
import { readSafetensors } from './safetensors.ts';

const subset = join(import.meta.dirname, 'subset');
const scratch = mkdtempSync(join(tmpdir(), 'ablate-golden-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(import.meta.dirname, 'run.ts'), ...args], { encoding: 'utf8' });
}

/** A copy of the subset that a test may spoil. */
function copyOfSubset(name: string): string {
  const folder = join(scratch, name);
  cpSync(subset, folder, { recursive: true });
  return folder;
}

function caseOf(expected: number[], more: Partial<GoldenCase> = {}): GoldenCase {
  return {
    id: 'a.case',
    op: 'a',
    attrs: {},
    inputs: new Map(),
    outputs: new Map([['y', { shape: [expected.length], data: Float32Array.from(expected) }]]),
    tolerance: { abs: 0.1, rel: 0.01 },
    tolerances: {},
    values: {},
    valuesTolerance: undefined,
    ...more,
  };
}

const output = (data: Float32Array | Float64Array, shape = [data.length]) => new Map([['y', { shape, data }]]);

describe('comparison', () => {
  test('allows abs + rel * |g| and reports the worst element', () => {
    const golden = caseOf([100, 0]);
    expect(compareCase(golden, output(Float32Array.of(101, 0.09)))).toBeUndefined();
    expect(compareCase(golden, output(Float32Array.of(101.2, 0.9)))).toMatchObject({
      output: 'y',
      message: expect.stringMatching(/^element 1: 0\.89/),
    });
  });

  test('refuses another shape, a missing output, and NaN or infinity in place of a number', () => {
    const golden = caseOf([1, 2]);
    expect(compareCase(golden, output(Float32Array.of(1, 2), [2, 1]))?.message).toBe('shape 2×1, expected 2');
    expect(compareCase(golden, new Map())?.message).toBe('output "y" is missing');
    expect(compareCase(golden, output(Float32Array.of(NaN, 2)))).toBeDefined();
    expect(compareCase(golden, output(Float32Array.of(Infinity, 2)))).toBeDefined();
    expect(compareCase(caseOf([NaN, Infinity]), output(Float32Array.of(NaN, Infinity)))).toBeUndefined();
    expect(compareCase(caseOf([NaN, Infinity]), output(Float32Array.of(0, Infinity)))).toBeDefined();
  });

  test('holds doubles to the values in double precision', () => {
    const golden = caseOf([1], { values: { y: [1] }, valuesTolerance: { abs: 1e-12, rel: 0 } });
    expect(compareCase(golden, output(Float64Array.of(1 + 1e-9)))).toBeDefined();
    expect(compareCase(golden, output(Float32Array.of(1.01)))).toBeUndefined();
  });

  test('takes the double precision values of a matrix row by row', () => {
    const matrix = (values: number[]) => new Map([['y', { shape: [2, 2], data: Float64Array.from(values) }]]);
    const golden = caseOf([1, 2, 3, 4], {
      outputs: new Map([['y', { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }]]),
      values: {
        y: [
          [1, 2],
          [3, null],
        ],
      },
      valuesTolerance: { abs: 1e-12, rel: 0 },
    });
    expect(compareCase(golden, matrix([1, 2, 3, NaN]))).toBeUndefined();
    expect(compareCase(golden, matrix([1, 2, 3 + 1e-9, NaN]))?.message).toContain('element 2');
    expect(compareCase(golden, matrix([1, 2, 3, 4]))?.message).toContain('element 3');
  });

  test('an output has its own tolerance where one is given', () => {
    const golden = caseOf([1], { tolerances: { y: { abs: 1e-3, rel: 0 } } });
    expect(compareCase(golden, output(Float32Array.of(1.01)))?.tolerance).toEqual({ abs: 1e-3, rel: 0 });
  });
});

describe('a wrong engine', () => {
  /** The reference backend with every value that is read moved a little. */
  const wrong: Backend = {
    name: 'reference',
    async compile(plan, options) {
      const inner = await referenceBackend.compile(plan, options);
      return {
        plan,
        bytes: inner.bytes,
        threads: 1,
        write: (tensor, values) => inner.write(tensor, values),
        run: (segment) => inner.run(segment),
        dispose: () => inner.dispose(),
        async read(tensor, into) {
          await inner.read(tensor, into);
          into[0]! += 1;
        },
      };
    },
  };

  test('fails every case that it computes, and the report names them', async () => {
    const report = await runGolden({ dir: subset, groups: ['layers', 'losses', 'optimizers'], backends: [wrong] });
    for (const [group, counts] of Object.entries(report.backends['reference']!)) {
      expect(counts.passed, group).toBe(0);
      expect(counts.failed + counts.unsupported).toBe(counts.cases);
      expect(counts.failures).toHaveLength(counts.failed);
    }
    expect(formatReport(report)).toMatch(/FAILED linear\.\w+, output \w+: worst error/);
  });
});

describe('command line', () => {
  test('prints the report as JSON', () => {
    const { status, stdout } = run('--dir', subset, '--group', 'rng,schedules', '--backend', 'reference', '--json');
    expect(status).toBe(0);
    const cases = loadGroup(subset, 'rng').length;
    const counts = { cases, passed: cases, failed: 0, unsupported: 0, failures: [], unsupportedOps: {} };
    const report = JSON.parse(stdout) as { backends: Record<string, Record<string, unknown>> };
    expect(report.backends['reference']!['rng']).toEqual(counts);
    expect(Object.keys(report.backends['reference']!)).toEqual(['rng', 'schedules']);
  });

  test('a failed case ends with 1', () => {
    const folder = copyOfSubset('changed');
    const path = join(folder, 'schedules.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"gamma":', '"gamma":1e-3,"was":'));
    const { status, stdout } = run('--dir', folder, '--group', 'schedules', '--backend', 'reference');
    expect(status).toBe(1);
    expect(stdout).toContain('FAILED step.');
  });

  test.each([
    ['no folder', () => ['--dir', join(scratch, 'nowhere')], 'no such folder'],
    ['an empty folder', () => ['--dir', mkdtempSync(join(scratch, 'empty-'))], 'holds no reference data'],
    ['no --dir', () => [], '--dir is missing'],
    ['an unknown group', () => ['--dir', subset, '--group', 'layer'], '--group layer: unknown'],
    ['an unknown backend', () => ['--dir', subset, '--backend', 'gpu'], '--backend gpu: unknown'],
    ['an unknown option', () => ['--dir', subset, '--fast'], "Unknown option '--fast'"],
  ])('%s ends with 2 and one message', (_, args, message) => {
    const { status, stdout, stderr } = run('--backend', 'reference', ...args());
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^error: /);
    expect(stderr).toContain(message);
  });

  test('broken files end with 2 and name file and fault', () => {
    const folder = copyOfSubset('broken');
    const runGroup = () => run('--dir', folder, '--group', 'rng', '--backend', 'reference');
    writeFileSync(join(folder, 'rng.json'), '{"format": 1, "cases": [');
    expect(runGroup()).toMatchObject({ status: 2, stderr: expect.stringContaining('rng.json: is not JSON') });
    writeFileSync(
      join(folder, 'rng.json'),
      '{"format": 1, "file": "rng.safetensors", "cases": [{"id": "a", "op": "b"}]}',
    );
    expect(runGroup()).toMatchObject({ status: 2, stderr: expect.stringContaining('cases[0] (a)') });
  });
});

describe('safetensors', () => {
  /** A file with this header text and `size` bytes of values. */
  function file(header: string, size: number, promised = header.length): string {
    const path = join(scratch, 'file.safetensors');
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(promised));
    writeFileSync(path, Buffer.concat([length, Buffer.from(header), Buffer.alloc(size, 1)]));
    return path;
  }
  const entry = (dtype: string, shape: number[], from: number, to: number) =>
    JSON.stringify({ t: { dtype, shape, data_offsets: [from, to] } });

  test('reads every type, also at odd offsets', () => {
    expect(readSafetensors(file(entry('U8', [2, 2], 0, 4), 4)).get('t')).toEqual({
      shape: [2, 2],
      data: Uint8Array.of(1, 1, 1, 1),
    });
    expect(readSafetensors(file(entry('I32', [1], 1, 5), 5)).get('t')!.data).toEqual(Int32Array.of(0x01010101));
  });

  test.each([
    ['a header longer than the file', () => file('{}', 0, 2 ** 40), 'promises a header of 1099511627776 bytes'],
    ['a header that is not JSON', () => file('{t:', 0), 'its header is not JSON'],
    ['an unknown dtype', () => file(entry('F64', [1], 0, 8), 8), 'has dtype "F64"'],
    ['a shape larger than its bytes', () => file(entry('F32', [3], 0, 8), 8), 'needs 12 bytes'],
    ['values beyond the end', () => file(entry('F32', [2], 4, 12), 8), 'needs 8 bytes'],
  ])('refuses %s', (_, make, message) => {
    expect(() => readSafetensors(make())).toThrow(message);
  });
});
