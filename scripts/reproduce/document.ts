import { mean, standardDeviation } from '../../lab/stats/moments.ts';
import { pairedT } from '../../lab/stats/pairedT.ts';
import { commandOf, type Claim, type Group, type Metric } from './groups.ts';
import type { Measured } from './measure.ts';

/** Everything that was measured, by group and row; what docs/reproduction.md is written from. */
export interface Results {
  /** Of the last measurement. */
  readonly engine: string;
  readonly machine: string;
  readonly date: string;
  readonly rows: Readonly<Record<string, readonly Measured[]>>;
}

export const keyOf = (group: Group, row: string): string => `${group.id}/${row}`;

const share = (value: number): string => `${(100 * value).toFixed(2)} %`;
const points = (value: number): string => `${value >= 0 ? '+' : '−'}${Math.abs(100 * value).toFixed(2)}`;

const spread = (values: readonly number[], text: (value: number) => string): string =>
  values.length < 2 ? text(mean(values)) : `${text(mean(values))} ± ${text(standardDeviation(values))}`;

export type Verdict = 'supported' | 'contradicted' | 'undecided';

/** The mean over seeds of what the claim says is above 0, with its paired 95 % t interval, and what follows from that. */
export function judge(
  claim: Claim,
  of: (row: string) => readonly Measured[],
): {
  readonly verdict: Verdict;
  readonly text: string;
} {
  const values = claim.value((row) => of(row).map((run) => run[claim.metric]));
  const { difference, low, high } = pairedT(
    values,
    values.map(() => 0),
  );
  const verdict = low > 0 ? 'supported' : high < 0 ? 'contradicted' : 'undecided';
  return { verdict, text: `${points(difference)} [${points(low)}, ${points(high)}] points` };
}

const header = `# Reproduction

Small experiments on the real data, five seeds each, measured with this engine. The learning tests take their bounds from them.
This page is written by \`npm run reproduce\`, which trains every row (\`--row name\` for some of them, \`--quick\` for a look
whether they run); the numbers behind it are in \`scripts/reproduce/results.json\`.

- Numbers are mean ± standard deviation over the seeds. *Early* is the validation accuracy at the first evaluation, *train* the
  accuracy on the last 20 training batches (with dropout, where there is any).
- A claim is judged on the differences by seed, which share initial weights and order of batches: *supported* when the 95 % t
  interval of their mean lies above 0, *contradicted* when it lies below, else *undecided*. With five seeds the interval is wide
  (2.8 standard errors), and with so many claims one in twenty of those without any effect comes out decided by chance.
- A run whose loss becomes infinite or not a number has *diverged*; it counts as a guess among ten classes, 10 %.
- A verdict is about this network, these data and this budget, and about nothing else.
`;

export function writeDocument(groups: readonly Group[], results: Results): string {
  const parts = [header, `Engine ${results.engine}, ${results.machine}, ${results.date}.\n`];
  for (const group of groups) {
    const of = (row: string): readonly Measured[] => results.rows[keyOf(group, row)] ?? [];
    const measured = group.rows.filter(({ name }) => of(name).length > 0);
    if (measured.length === 0) continue;
    parts.push(`## ${group.title}\n\n${group.about}\n`, tableOf(group, of), claimsOf(group, of));
    const commands = measured.map((row) =>
      commandOf(
        group,
        row,
        of(row.name).map(({ seed }) => seed),
      ),
    );
    parts.push(`<details><summary>Commands</summary>\n\n\`\`\`\n${commands.join('\n')}\n\`\`\`\n\n</details>\n`);
  }
  return parts.join('\n');
}

function tableOf(group: Group, of: (row: string) => readonly Measured[]): string {
  const lines = ['| row | test accuracy | early | train | n |', '|---|---|---|---|---|'];
  for (const { name } of group.rows) {
    const runs = of(name);
    if (runs.length === 0) continue;
    const diverged = runs.filter((run) => run.diverged).length;
    const column = (metric: Metric): number[] => runs.map((run) => run[metric]);
    const cells = [
      `\`${name}\``,
      spread(column('testAccuracy'), share),
      spread(column('earlyAccuracy'), share),
      spread(column('trainAccuracy'), share),
      `${runs.length}${diverged === 0 ? '' : `, ${diverged} diverged`}`,
    ];
    lines.push(`| ${cells.join(' | ')} |`);
  }
  return `${lines.join('\n')}\n`;
}

function claimsOf(group: Group, of: (row: string) => readonly Measured[]): string {
  const lines = ['| claim | what is above 0 if it holds | mean [95 % interval] | here |', '|---|---|---|---|'];
  for (const claim of group.claims) {
    const ready = claim.value((row) => of(row).map((run) => run[claim.metric])).length > 1;
    if (!ready) continue;
    const { verdict, text } = judge(claim, of);
    lines.push(`| ${claim.text} | ${claim.what} | ${text} | ${verdict} |`);
  }
  return lines.length > 2 ? `${lines.join('\n')}\n` : '';
}
