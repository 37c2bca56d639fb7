/** Counts what vitest ran. A file that does not load, and an error outside every test, are failures too. */
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { type Summary, writeSummary } from './summary.ts';

export default class VitestSummary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly { message?: string }[]): void {
    const summary: Summary = { passed: 0, failed: [], skipped: [] };
    for (const module of modules) {
      let failures = 0;
      for (const test of module.children.allTests()) failures += count(summary, test) ? 0 : 1;
      // a failing hook or a syntax error fails the file without failing a test
      if (failures === 0 && !module.ok()) summary.failed.push(`${module.relativeModuleId} (the file itself)`);
    }
    for (const error of errors) summary.failed.push(`error outside tests: ${error.message ?? 'without a message'}`);
    writeSummary(summary);
  }
}

/** False for a failed test. */
function count(summary: Summary, test: TestCase): boolean {
  const name = `${test.module.relativeModuleId} > ${test.fullName}`;
  const result = test.result();
  if (result.state === 'passed') summary.passed++;
  else if (result.state === 'failed') summary.failed.push(name);
  else summary.skipped.push({ name, reason: (result.state === 'skipped' ? result.note : undefined) ?? '' });
  return result.state !== 'failed';
}
