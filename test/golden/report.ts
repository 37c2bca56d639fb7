import type { Failure } from './compare.ts';
import type { GoldenReport } from './runner.ts';

function formatError(failure: Failure): string {
  const { abs, rel } = failure.tolerance;
  const worst = failure.worstError === null ? '' : `worst error ${failure.worstError.toExponential(2)}, `;
  return `${worst}tolerance ${abs} + ${rel}·|g|: ${failure.message}`;
}

/** The report as text: a line per group, under it what failed and what the engine lacks. */
export function formatReport(report: GoldenReport): string {
  const lines: string[] = [];
  for (const [backend, groups] of Object.entries(report.backends)) {
    lines.push(backend);
    const width = Math.max(...Object.keys(groups).map((group) => group.length));
    for (const [group, counts] of Object.entries(groups)) {
      lines.push(
        `  ${group.padEnd(width)}  ${String(counts.cases).padStart(4)} cases  ${String(counts.passed).padStart(4)} passed  ` +
          `${String(counts.failed).padStart(4)} failed  ${String(counts.unsupported).padStart(4)} unsupported`,
      );
      for (const failure of counts.failures) {
        const output = failure.output === null ? '' : `, output ${failure.output}`;
        lines.push(`    FAILED ${failure.id}${output}: ${formatError(failure)}`);
      }
      const ops = Object.entries(counts.unsupportedOps).map(([op, count]) => `${op} (${count})`);
      if (ops.length > 0) lines.push(`    unsupported: ${ops.join(', ')}`);
    }
  }
  return lines.join('\n');
}

export function hasFailures(report: GoldenReport): boolean {
  return Object.values(report.backends).some((groups) => Object.values(groups).some((counts) => counts.failed > 0));
}
