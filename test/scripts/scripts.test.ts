import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findBrowser } from '../../scripts/browser.ts';
import { hasDisplay } from '../../scripts/electron.ts';
import PlaywrightSummary from '../../scripts/reporters/playwright.ts';
import { closing, type Summary, summaryVariable } from '../../scripts/reporters/summary.ts';
import VitestSummary from '../../scripts/reporters/vitest.ts';

describe('the closing lines of a test run', () => {
  const clean: Summary = { passed: 3, failed: [], skipped: [] };

  it('end with one plain line', () => {
    expect(closing(clean)).toEqual({ lines: ['3 passed, 0 failed, 0 skipped'], exitCode: 0 });
  });

  it('name each skip with its reason, and each failure', () => {
    const { lines, exitCode } = closing({ passed: 1, failed: ['b'], skipped: [{ name: 'a', reason: 'no GPU' }] });
    expect(lines).toEqual(['FAILED: b', 'SKIPPED: a: no GPU', '1 passed, 1 failed, 1 skipped']);
    expect(exitCode).toBe(1);
  });

  it('do not accept a skip without a reason, nor a run of nothing', () => {
    expect(closing({ ...clean, skipped: [{ name: 'a', reason: '' }] }).exitCode).toBe(1);
    expect(closing({ ...clean, skipped: [{ name: 'a', reason: 'no GPU' }] }).exitCode).toBe(0);
    expect(closing({ passed: 0, failed: [], skipped: [{ name: 'a', reason: 'no GPU' }] }).exitCode).toBe(1);
  });
});

describe('the reporters', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ablate-reporters-'));
    vi.stubEnv(summaryVariable, join(folder, 'summary.json'));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });
  const written = (): Summary => JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8')) as Summary;

  it('count what vitest ran, files that do not load and errors between tests', () => {
    const module = (id: string, ok: boolean, results: object[]): never => {
      const self = { relativeModuleId: id, ok: () => ok };
      const tests = results.map((result, i) => ({ module: self, fullName: `t${i}`, result: () => result }));
      return { ...self, children: { allTests: () => tests } } as never;
    };
    new VitestSummary().onTestRunEnd(
      [
        module('a.test.ts', false, [{ state: 'passed' }, { state: 'failed' }, { state: 'skipped', note: 'no GPU' }]),
        module('b.test.ts', false, []),
        module('c.test.ts', true, [{ state: 'passed' }, { state: 'skipped' }, { state: 'pending' }]),
      ],
      [{ message: 'lost promise' }],
    );
    expect(written()).toEqual({
      passed: 2,
      failed: ['a.test.ts > t1', 'b.test.ts (the file itself)', 'error outside tests: lost promise'],
      skipped: [
        { name: 'a.test.ts > t2', reason: 'no GPU' },
        { name: 'c.test.ts > t1', reason: '' },
        { name: 'c.test.ts > t2', reason: '' },
      ],
    });
  });

  it('count what Playwright ran', () => {
    const reporter = new PlaywrightSummary();
    const test = (name: string, outcome: string, annotations: object[] = []): object => ({
      titlePath: () => ['', name],
      outcome: () => outcome,
      annotations,
      results: [],
    });
    const tests = [
      test('fine', 'expected'),
      test('second try', 'flaky'),
      test('broken', 'unexpected'),
      test('left out', 'skipped', [{ type: 'skip', description: 'Electron binary missing' }]),
    ];
    reporter.onBegin(null as never, { allTests: () => tests } as never);
    reporter.onError({ message: 'no server' });
    reporter.onEnd();
    expect(written()).toEqual({
      passed: 2,
      failed: ['error outside tests: no server', 'broken'],
      skipped: [{ name: 'left out', reason: 'Electron binary missing' }],
    });
  });
});

describe('what a machine has', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('takes the browser that is named, or says that it is not there', () => {
    vi.stubEnv('LAB_CHROMIUM', process.execPath);
    expect(findBrowser()).toBe(process.execPath);
    vi.stubEnv('LAB_CHROMIUM', '/nowhere/chromium');
    expect(findBrowser).toThrow('/nowhere/chromium');
  });

  it('knows a display when it sees one', () => {
    expect(hasDisplay('linux', {})).toBe(false);
    expect(hasDisplay('linux', { DISPLAY: ':0' })).toBe(true);
    expect(hasDisplay('linux', { WAYLAND_DISPLAY: 'wayland-0' })).toBe(true);
    expect(hasDisplay('darwin', {})).toBe(true);
  });
});
