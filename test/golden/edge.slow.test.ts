import { join } from 'node:path';
import { expect, test } from 'vitest';
import { missingGpu } from '../engine/webgpu/device.ts';
import { formatReport, hasFailures } from './report.ts';
import { loadBackend, runGolden } from './runner.ts';

/** Some five hundred small plans, each with shaders of its own: half a minute and more on an adapter in software. */
test('edge cases on backend webgpu all pass', async ({ skip }) => {
  skip(missingGpu !== undefined, missingGpu);
  const report = await runGolden({ dir: join(import.meta.dirname, 'edge'), backends: [await loadBackend('webgpu')] });
  expect(hasFailures(report), formatReport(report)).toBe(false);
}, 600_000);
