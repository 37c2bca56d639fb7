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
