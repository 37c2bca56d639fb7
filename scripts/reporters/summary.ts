/** What both test runners hand to scripts/test.ts, which prints the one closing line. */
import { writeFileSync } from 'node:fs';

export interface Summary {
  passed: number;
  /** Names, so that they can be repeated at the end of a long log. */
  failed: string[];
  skipped: { name: string; reason: string }[];
}

/** The environment variable that names the file a reporter writes its summary to. */
export const summaryVariable = 'ABLATE_TEST_SUMMARY';

export function writeSummary(summary: Summary): void {
  const file = process.env[summaryVariable];
  if (file !== undefined) writeFileSync(file, JSON.stringify(summary));
}

/** The end of a whole test run: what failed and was skipped by name, then one plain line, and the exit code. */
export function closing(total: Summary): { lines: string[]; exitCode: 0 | 1 } {
  const silent = total.skipped.filter(({ reason }) => reason === '').length;
  const lines = [
    ...total.failed.map((name) => `FAILED: ${name}`),
    ...total.skipped.map(({ name, reason }) => `SKIPPED: ${name}: ${reason || 'no reason given'}`),
  ];
  if (silent > 0) lines.push(`A skip must say why; ${silent} of them do not, so this run counts as failed.`);
  lines.push(`${total.passed} passed, ${total.failed.length} failed, ${total.skipped.length} skipped`);
  return { lines, exitCode: total.failed.length > 0 || silent > 0 || total.passed === 0 ? 1 : 0 };
}
