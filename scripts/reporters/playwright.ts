/** Counts what Playwright ran. A test that passed on a retry counts as passed; an error outside every test as failed. */
import type { FullConfig, Reporter, Suite, TestError } from '@playwright/test/reporter';
import { type Summary, writeSummary } from './summary.ts';

export default class PlaywrightSummary implements Reporter {
  #suite: Suite | undefined;
  #errors: string[] = [];

  onBegin(_config: FullConfig, suite: Suite): void {
    this.#suite = suite;
  }

  onError(error: TestError): void {
    this.#errors.push(`error outside tests: ${error.message ?? error.value ?? 'unknown'}`);
  }

  onEnd(): void {
    const summary: Summary = { passed: 0, failed: [...this.#errors], skipped: [] };
    for (const test of this.#suite?.allTests() ?? []) {
      const name = test.titlePath().filter(Boolean).join(' > ');
      const outcome = test.outcome();
      if (outcome === 'unexpected') summary.failed.push(name);
      else if (outcome === 'skipped') {
        const notes = [...test.annotations, ...test.results.flatMap((result) => result.annotations)];
        summary.skipped.push({ name, reason: notes.find((note) => note.type === 'skip')?.description ?? '' });
      } else summary.passed++;
    }
    writeSummary(summary);
  }

  printsToStdio(): boolean {
    return false;
  }
}
