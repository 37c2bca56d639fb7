/**
 * `npm test`: everything, from one command, on a fresh machine. Runs vitest and then Playwright, the second also when the
 * first fails, and ends with one plain line for both: `N passed, N failed, N skipped`.
 * `npm test -- --quick` leaves out the browser journeys and files named *.slow.test.ts, and says so.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBrowser } from './browser.ts';
import { closing, type Summary, summaryVariable } from './reporters/summary.ts';

const unknown = process.argv.slice(2).filter((argument) => argument !== '--quick');
if (unknown.length > 0) {
  console.error(
    `npm test knows only --quick, not ${unknown.join(' ')}. One file: npx vitest run --project node <path>`,
  );
  process.exit(2);
}
const quick = process.argv.includes('--quick');
const folder = mkdtempSync(join(tmpdir(), 'ablate-test-'));
const total: Summary = { passed: 0, failed: [], skipped: [] };

/** Runs one runner and adds what it counted. A runner that dies, or counts nothing, is a failure of its own. */
function runner(name: string, args: readonly string[]): void {
  const file = join(folder, `${name}.json`);
  const env: NodeJS.ProcessEnv = { ...process.env, [summaryVariable]: file };
  if (quick) env['ABLATE_QUICK'] = '1';
  const bin = join(
    import.meta.dirname,
    '../node_modules',
    name === 'vitest' ? 'vitest/vitest.mjs' : '@playwright/test/cli.js',
  );
  const { status, signal } = spawnSync(process.execPath, [bin, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env,
  });
  if (!existsSync(file)) {
    total.failed.push(`${name} ended with ${signal ?? `code ${status}`} before it could count its tests`);
    return;
  }
  const summary = JSON.parse(readFileSync(file, 'utf8')) as Summary;
  total.passed += summary.passed;
  total.failed.push(...summary.failed);
  total.skipped.push(...summary.skipped);
  if (status !== 0 && summary.failed.length === 0)
    total.failed.push(`${name} ended with ${signal ?? `code ${status}`}`);
  if (summary.passed + summary.failed.length === 0) total.failed.push(`${name} ran no test at all`);
}

let browser = true;
try {
  console.log(`Browser: ${ensureBrowser()}`);
} catch (error) {
  browser = false;
  console.error(error instanceof Error ? error.message : error);
  total.failed.push('all tests in a browser: none was found or could be installed');
}
runner('vitest', ['run', ...(browser ? [] : ['--project', 'node'])]);
if (browser && !quick) runner('playwright', ['test']);

rmSync(folder, { recursive: true, force: true });
console.log('');
if (quick) console.log('LEFT OUT by --quick: test/e2e (journeys in a browser and in Electron), *.slow.test.ts');
const { lines, exitCode } = closing(total);
for (const line of lines) console.log(line);
process.exitCode = exitCode;
