import type { Comparison } from '../../../lab/contract/records.ts';
import { counted, loss, percent, short, significant, whole } from './format.ts';
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
        replicates(arm.runs),
      ]),
      out,
    ),
  );
  if (names.length > 1) {
    heading('What differs');
    if (comparison.specDifferences.length === 0)
      out.write(`  Nothing in the specs but the ${unitOf(comparison.arms[0])}s.\n`);
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

/** "1, 2, 3", or "1: folds 1, 2, 3 of 3". */
function replicates(runs: Comparison['arms'][number]['runs']): string {
  const { folds } = runs[0]!;
  if (folds === null) return runs.map((run) => run.seed).join(', ');
  const seeds = Map.groupBy(runs, (run) => run.seed);
  return [...seeds]
    .map(([seed, own]) => `${seed}: folds ${own.map((run) => run.fold).join(', ')} of ${folds}`)
    .join('; ');
}

/** What an arm's runs are: repetitions with other seeds, or folds. */
const unitOf = (arm: Comparison['arms'][number] | undefined): string =>
  (arm?.runs[0]?.fold ?? null) === null ? 'seed' : 'fold';

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
    ...others.map((i) => ({ title: `${names[i]!} − ${names[baseline]!} [95 % interval]`, align: 'right' as const })),
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

/** How numbers of a row are written: the bare number, and the unit behind it. */
interface Writing {
  readonly unit: string;
  readonly differenceUnit: string;
  readonly write: (value: number) => string;
}

function writingOf(row: Row): Writing {
  const same = (unit: string, write: (value: number) => string): Writing => ({ unit, differenceUnit: unit, write });
  if (row.unit === 'fraction') {
    return { unit: ' %', differenceUnit: ' points', write: (value) => (value * 100).toFixed(2) };
  }
  if (row.unit === 'steps') return same('', whole);
  if (row.key === 'parameters') return same('', whole);
  if (row.key.toLowerCase().includes('loss')) return same('', loss);
  if (row.unit === 's') return same(' s', (value) => (Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(1)));
  if (row.unit === 'images/s') return same(' images/s', whole);
  return same(row.unit && ` ${row.unit}`, (value) =>
    Math.abs(value) >= 10_000 ? short(value) : significant(value, 4),
  );
}

/** "4,250 ± 120", with how many runs never got there. */
function meanText(row: Row, value: Value): string {
  const { unit, write } = writingOf(row);
  const missing = value.missing > 0 ? `${value.missing} ${row.unit === 'steps' ? 'never' : 'without'}` : '';
  if (value.mean === null) return missing || '-';
  // no spread to speak of: one run, or the same number in all
  const spread = value.sd === null || value.sd === 0 || value.n < 2 ? '' : ` ± ${write(value.sd)}`;
  return `${write(value.mean)}${spread}${unit}${missing && ` (${missing})`}`;
}

function differenceText(row: Row, { difference }: Value): string {
  if (!difference) return '-';
  const { differenceUnit, write } = writingOf(row);
  const { mean, low, high } = difference;
  const interval =
    low === null || high === null || low === high ? '' : ` [${signed(low, write)}, ${signed(high, write)}]`;
  return `${signed(mean, write)}${interval}${differenceUnit}`;
}

const signed = (value: number, write: (value: number) => string): string =>
  (value > 0 ? '+' : value < 0 ? '−' : '') + write(Math.abs(value));

/** The rows a reader asks for first, as sentences: how soon a value was reached, and how good the end was. */
function inWords(comparison: Comparison, names: readonly string[], baseline: number): string[] {
  // a long label would bury the numbers; the letter stands for it in the tables above
  const called = comparison.arms.map((arm, i) =>
    arm.label.length <= 40 && arm.label !== '' ? printable(arm.label) : names[i]!,
  );
  const context = { comparison, called, baseline };
  return [
    ...comparison.table.filter((row) => row.key.startsWith('stepsTo')).flatMap((row) => reachSentences(row, context)),
    ...comparison.table
      .filter((row) => row.key === 'testAccuracy' || (row.key === 'validationAccuracy' && folded(comparison)))
      .flatMap((row) => accuracySentences(row, context)),
  ];
}

/** Whether every arm is a cross-validation, whose result is the accuracy on the images held out. */
const folded = ({ arms }: Comparison): boolean => arms.every((arm) => unitOf(arm) === 'fold');

interface Context {
  readonly comparison: Comparison;
  /** What the arms are called in sentences. */
  readonly called: readonly string[];
  readonly baseline: number;
}

function reachSentences(row: Row, { comparison, called, baseline }: Context): string[] {
  const what = row.label.replace(/^Steps to /, '');
  const base = row.values[baseline]!;
  const after = (i: number): string | null => {
    const value = row.values[i]!;
    const most = value.missing > 0 ? ` (in ${value.n} of ${counted(comparison.arms[i]!.runs.length, 'run')})` : '';
    return value.mean === null ? null : `after ${meanText(row, { ...value, missing: 0 })} steps${most}`;
  };
  const never = (i: number, goal: string): string =>
    `${called[i]!} did not reach ${goal} in ${counted(comparison.arms[i]!.runs.length, 'run')}`;
  const first = (i: number): string => {
    const when = after(i);
    return when === null ? never(i, what) : `${called[i]!} reached ${what} ${when}`;
  };
  if (row.values.length === 1) return [`${first(0)}.`];
  return row.values.flatMap((value, i) => {
    if (i === baseline) return [];
    const theirs = after(baseline);
    const second =
      theirs === null ? never(baseline, 'it') : `${called[baseline]!} ${value.mean === null ? 'did ' : ''}${theirs}`;
    const ratio = value.mean && base.mean ? base.mean / value.mean : null;
    const pace =
      ratio === null ? '' : `: ${significant(Math.max(ratio, 1 / ratio), 2)} times as ${ratio >= 1 ? 'fast' : 'long'}`;
    return [`${first(i)}, ${second}${pace}${basis(row, value, unitOf(comparison.arms[i]))}.`];
  });
}

function accuracySentences(row: Row, { comparison, called, baseline }: Context): string[] {
  const base = row.values[baseline]!;
  return row.values.flatMap((value, i) => {
    if (i === baseline || value.mean === null || base.mean === null || !value.difference) return [];
    const { mean } = value.difference;
    const better = `${(Math.abs(mean) * 100).toFixed(2)} points ${mean >= 0 ? 'more' : 'less'}`;
    return [
      `${called[i]!} ended at ${percent(value.mean)} ${row.key === 'testAccuracy' ? 'test' : 'validation'} accuracy, ${called[baseline]!} at ${percent(base.mean)}: ` +
        `${better}${basis(row, value, unitOf(comparison.arms[i]))}.`,
    ];
  });
}

/** What a difference rests on: " (95 % interval of the difference ..., 3 pairs of seeds)". */
function basis(row: Row, { difference }: Value, unit: string): string {
  if (!difference) return '';
  const { low, high, n, paired } = difference;
  const on = paired ? counted(n, `shared ${unit}`) : counted(n, 'run');
  if (low === null || high === null) return ` (${on}: no interval)`;
  const { differenceUnit, write } = writingOf(row);
  const side = low > 0 || high < 0 ? 'leaves out zero' : 'includes zero';
  return ` (${on}; the 95 % interval of the difference, ${signed(low, write)} to ${signed(high, write)}${differenceUnit || (row.unit && ` ${row.unit}`)}, ${side})`;
}
