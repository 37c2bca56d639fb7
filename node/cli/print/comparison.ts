import type { Comparison } from '../../../lab/contract/records.ts';
import { counted, duration, loss, percent, short, significant, whole } from './format.ts';
import { cut, printable, table } from './table.ts';
import type { Stream } from './terminal.ts';

type Row = Comparison['table'][number];
type Value = Row['values'][number];

/** One letter per arm, in order: short enough to head a column. */
export function armNames(comparison: Comparison): readonly string[] {
  return comparison.arms.map((_, i) => String.fromCharCode(65 + i));
}

/** A comparison for the screen: the arms, what was changed, what else differs with it, the numbers, and the numbers in words. */
export function printComparison(comparison: Comparison, names: readonly string[], out: Stream): void {
  const { style } = out;
  const baseline = baselineOf(comparison);
  const heading = (title: string) => out.write(`\n${style.bold(title)}\n`);
  out.write(
    table(
      [
        { title: '' },
        { title: 'arm', flexible: true },
        { title: 'id' },
        { title: 'runs' },
        { title: 'seeds', flexible: true },
      ],
      comparison.arms.map((arm, i) => [
        style.bold(names[i]!),
        `${printable(arm.label)}${i === baseline && names.length > 1 ? ' (baseline)' : ''}`,
        printable(arm.id),
        statusCounts(arm.runs),
        arm.runs.map((run) => run.seed).join(', '),
      ]),
      out,
    ),
  );
  if (names.length > 1) {
    heading('What differs');
    if (comparison.specDifferences.length === 0) out.write('  Nothing in the specs but the seeds.\n');
    else {
      out.write(
        table(
          [{ title: 'path' }, ...names.map((title) => ({ title, flexible: true }))],
          comparison.specDifferences.map(({ path, values }) => [path, ...values.map((value) => valueText(value))]),
          out,
        ),
      );
    }
    if (comparison.sideEffects.length > 0) {
      heading('What differs along with it');
      for (const sentence of comparison.sideEffects) out.write(`  - ${printable(sentence)}\n`);
    }
  }
  heading('Results');
  out.write(resultTable(comparison, names, baseline, out));
  const sentences = inWords(comparison, names, baseline);
  if (sentences.length > 0) {
    heading('In words');
    for (const sentence of sentences) out.write(`  ${sentence}\n`);
  }
}

const baselineOf = (comparison: Comparison): number =>
  Math.max(
    0,
    comparison.arms.findIndex((arm) => arm.id === comparison.baseline),
  );

function statusCounts(runs: Comparison['arms'][number]['runs']): string {
  const counts = new Map<string, number>();
  for (const run of runs) counts.set(run.status, (counts.get(run.status) ?? 0) + 1);
  return [...counts].map(([status, count]) => `${count} ${status}`).join(', ');
}

const valueText = (value: unknown): string =>
  value === null || value === undefined
    ? '-'
    : cut(printable(typeof value === 'string' ? value : JSON.stringify(value)), 40);

function resultTable(comparison: Comparison, names: readonly string[], baseline: number, out: Stream): string {
  const others = names.flatMap((_, i) => (i === baseline ? [] : [i]));
  const columns = [
    { title: 'metric' },
    ...names.map((title) => ({ title, align: 'right' as const })),
    ...others.map((i) => ({
      title: `${names[i]!} against ${names[baseline]!} [95 % interval]`,
      align: 'right' as const,
    })),
  ];
  const rows = comparison.table
    .filter((row) => row.values.some((value) => value.mean !== null || value.missing > 0))
    .map((row) => [
      row.label,
      ...row.values.map((value) => meanText(row, value)),
      ...others.map((i) => differenceText(row, row.values[i]!)),
    ]);
  return table(columns, rows, out);
}

/** "4,250 ± 120", with how many runs never got there. */
function meanText(row: Row, value: Value): string {
  const missing = value.missing > 0 ? `${value.missing} never` : '';
  if (value.mean === null) return missing || '-';
  const spread = value.sd === null || value.n < 2 ? '' : ` ± ${numberText(row, value.sd)}`;
  return `${numberText(row, value.mean)}${spread}${missing && ` (${missing})`}`;
}

function differenceText(row: Row, { difference }: Value): string {
  if (!difference) return '-';
  const sign = (value: number) => (value > 0 ? '+' : value < 0 ? '-' : '') + numberText(row, Math.abs(value), true);
  const interval =
    difference.low === null || difference.high === null ? '' : ` [${sign(difference.low)}, ${sign(difference.high)}]`;
  return sign(difference.mean) + interval;
}

/** A number of a row in its unit; a difference of shares is in points. */
function numberText(row: Row, value: number, difference = false): string {
  const key = row.key.toLowerCase();
  if (key.startsWith('stepsto') || key === 'parameters' || key.endsWith('steps')) return whole(value);
  if (key.includes('accuracy')) return difference ? `${(value * 100).toFixed(2)} points` : percent(value);
  if (key.includes('loss')) return loss(value);
  if (row.unit === 's') return duration(value);
  return Math.abs(value) >= 10_000 ? short(value) : significant(value, 4);
}

/** The rows a reader asks for first, as sentences: how soon a value was reached, and how good the end was. */
function inWords(comparison: Comparison, names: readonly string[], baseline: number): string[] {
  const sentences: string[] = [];
  for (const row of comparison.table) {
    if (row.key.startsWith('stepsTo')) sentences.push(...reachSentences(row, comparison, names, baseline));
  }
  const test = comparison.table.find((row) => row.key === 'testAccuracy');
  const base = test?.values[baseline];
  if (test && base?.mean != null) {
    for (const [i, value] of test.values.entries()) {
      if (i === baseline || value.mean === null || !value.difference) continue;
      const { mean, low, high } = value.difference;
      const decided = low !== null && high !== null && (low > 0 || high < 0);
      const tail =
        low === null
          ? 'one seed gives no interval'
          : decided
            ? 'the interval leaves out zero'
            : 'the interval includes zero';
      sentences.push(
        `${names[i]!} ended at ${percent(value.mean)} test accuracy, ${names[baseline]!} at ${percent(base.mean)}: ` +
          `${(Math.abs(mean) * 100).toFixed(2)} points ${mean >= 0 ? 'more' : 'less'} (${tail}).`,
      );
    }
  }
  return sentences;
}

function reachSentences(row: Row, comparison: Comparison, names: readonly string[], baseline: number): string[] {
  const [, series = '', target = ''] = row.key.split(':');
  const goal = series.endsWith('accuracy') ? `${significant(Number(target) * 100, 3).replace(/\.?0+$/, '')} %` : target;
  const what = `${goal} ${series.split('.').join(' ')}`;
  const base = row.values[baseline]!;
  const reached = (i: number): string => {
    const value = row.values[i]!;
    const count = comparison.arms[i]!.runs.length;
    if (value.mean === null) return `${names[i]!} did not reach ${what} in ${counted(count, 'run')}`;
    const most = value.missing > 0 ? ` (${value.n} of ${counted(count, 'run')}; the others never did)` : '';
    return `${names[i]!} reached ${what} after ${counted(value.mean, 'step')}${most}`;
  };
  if (row.values.length === 1) return [`${reached(0)}.`];
  return row.values.flatMap((value, i) => {
    if (i === baseline) return [];
    const ratio = value.mean && base.mean ? base.mean / value.mean : null;
    const pace =
      ratio === null
        ? ''
        : ratio >= 1
          ? `: ${significant(ratio, 2)} times as fast`
          : `: ${significant(1 / ratio, 2)} times as long`;
    const seeds = value.difference
      ? `, ${counted(value.difference.n, value.difference.paired ? 'pair of seeds' : 'run', value.difference.paired ? 'pairs of seeds' : 'runs')}`
      : '';
    return [`${reached(i)}, ${reached(baseline)}${pace}${seeds}.`];
  });
}
