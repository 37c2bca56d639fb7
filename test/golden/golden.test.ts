import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { groupsIn } from './cases.ts';
import { formatReport, hasFailures } from './report.ts';
import { backendNames, loadBackend, runGolden } from './runner.ts';

const subset = join(import.meta.dirname, 'subset');
/** What the reference data leave out: shapes of one, windows that do not fit, ties, the ends of float32 (edge/make.py). */
const edge = join(import.meta.dirname, 'edge');
/** The whole reference data, where they lie beside the repository. */
const whole = resolve(import.meta.dirname, '../../../shared/golden');

/** Groups that the engine computes; none of their cases may be lost to a name that no longer matches. */
const computed = [
  'layers',
  'losses',
  'optimizers',
  'schedules',
  'trajectories',
  'diagnostics',
  'metrics',
  'statistics',
  'rng',
] as const;
/** Of these no case may be left out. */
const complete = ['schedules', 'diagnostics', 'metrics', 'statistics', 'rng'] as const;

describe.each([
  ['reference', 'exact'],
  ['cpu', 'exact'],
  ['cpu', 'fast'],
] as const)('edge cases on backend %s, %s', (name, precision) => {
  test('all pass', async () => {
    const report = await runGolden({ dir: edge, backends: [await loadBackend(name)], compile: { precision } });
    expect(hasFailures(report), formatReport(report)).toBe(false);
    for (const group of groupsIn(edge)) {
      const { passed, cases } = report.backends[name]![group]!;
      expect(passed, group).toBe(cases);
    }
  }, 60_000);
});

describe.each(backendNames)('reference data on backend %s', (name) => {
  test('the committed subset passes', async () => {
    const report = await runGolden({ dir: subset, backends: [await loadBackend(name)] });
    expect(hasFailures(report), formatReport(report)).toBe(false);
    const groups = report.backends[name]!;
    expect(Object.keys(groups)).toEqual(groupsIn(subset));
    for (const group of computed) expect(groups[group]!.passed, group).toBeGreaterThan(0);
    for (const group of complete) expect(groups[group]!.passed, group).toBe(groups[group]!.cases);
  });

  test('the whole reference data pass', async ({ skip }) => {
    skip(!existsSync(whole), 'no folder ../shared/golden beside the repository');
    const report = await runGolden({ dir: whole, backends: [await loadBackend(name)] });
    expect(hasFailures(report), formatReport(report)).toBe(false);
  }, 600_000);
});
