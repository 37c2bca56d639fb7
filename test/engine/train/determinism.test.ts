import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { defaultDiagnostics, measureGroups, type DiagnosticsSettings } from '../../../engine/diagnostics/settings.ts';
import { all } from './jobs.ts';
import { train } from './drive.ts';
import { jobChoices, jobOf, type JobChoices } from './randomJobs.ts';

/** Printed with a counterexample; another one can be tried with ABLATE_PROPERTY_SEED. */
const seed = Number(process.env['ABLATE_PROPERTY_SEED'] ?? 20260701);
/** Jobs per property; more with ABLATE_PROPERTY_RUNS. */
const runs = Number(process.env['ABLATE_PROPERTY_RUNS'] ?? 5);
const limit = { timeout: 120_000 + 20_000 * runs };

test('a run ends with the same hash on 1, 2 and 3 threads', limit, async () => {
  await fc.assert(
    fc.asyncProperty(jobChoices, async (choices) => {
      const [one, two, three] = [1, 2, 3].map((threads) => train(jobOf(choices), cpuBackend, { threads, slice: 4 }));
      const { hash } = await one!;
      expect([(await two!).hash, (await three!).hash]).toEqual([hash, hash]);
    }),
    { seed, numRuns: runs, endOnFailure: true },
  );
});

test('a run that is watched ends as one that is not', limit, async () => {
  const diagnostics: DiagnosticsSettings = {
    ...defaultDiagnostics,
    every: 2,
    deepEvery: 4,
    measures: [...measureGroups],
  };
  await fc.assert(
    fc.asyncProperty(jobChoices, async (choices) => {
      const job = jobOf(choices);
      const { hash } = await train(job, cpuBackend, { slice: 4 });
      expect((await train({ ...job, diagnostics }, cpuBackend, { threads: 2, slice: 4 })).hash).toBe(hash);
    }),
    { seed, numRuns: runs, endOnFailure: true },
  );
});

test('a run that is killed and resumed at random steps ends as one that was not', limit, async () => {
  await fc.assert(
    fc.asyncProperty(
      jobChoices,
      fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 3 }),
      async (choices, kills) => {
        const job = jobOf(choices);
        const { hash } = await train(job, cpuBackend);
        let resumeFrom: Uint8Array | null = null;
        for (const stopAt of kills.sort((a, b) => a - b)) {
          // all that a killed run leaves behind is its last checkpoint
          const part = await train({ ...job, resumeFrom }, cpuBackend, { stopAt });
          resumeFrom = all(part.events, 'checkpoint').findLast(({ role }) => role === 'last')?.bytes ?? resumeFrom;
        }
        expect((await train({ ...job, resumeFrom }, cpuBackend, { threads: 2 })).hash).toBe(hash);
      },
    ),
    { seed, numRuns: runs, endOnFailure: true },
  );
});

test('fresh processes end with the same hashes', limit, async () => {
  const choices: JobChoices[] = fc.sample(jobChoices, { seed, numRuns: 3 });
  const here: string[] = [];
  for (const each of choices) here.push((await train(jobOf(each), cpuBackend, { slice: 4 })).hash);
  const program = fileURLToPath(new URL('fixtures/determinismProcess.ts', import.meta.url));
  const run = promisify(execFile);
  for (const threads of ['1', '2']) {
    const { stdout } = await run(process.execPath, [program, JSON.stringify(choices), threads]);
    expect(JSON.parse(stdout)).toEqual(here);
  }
  expect(new Set(here).size).toBe(here.length);
});
