/** What a comparison says, in a sentence a teacher would sign: numbers, spread, how many seeds, nothing more. */
import type { Comparison } from '../../lab/contract/records.ts';
import { live } from '../parts/status.ts';
import { integer, listing, percent, significant } from '../format.ts';

/** "stepsTo:validation.accuracy:0.9" -> 0.9 */
const targetOf = (key: string): number => Number(key.split(':').at(-1));

/**
 * How fast each arm got to the target, and what that means against the baseline. Undefined while there is nothing to say.
 */
export function verdict(comparison: Comparison): string | undefined {
  const row = comparison.table.find((each) => each.key.startsWith('stepsTo:'));
  if (!row || comparison.arms.length < 2) return undefined;
  const target = targetOf(row.key);
  const goal = row.key.includes('accuracy')
    ? percent(target, target * 100 === Math.round(target * 100) ? 0 : 1)
    : significant(target);
  const reached: string[] = [];
  const missed: string[] = [];
  comparison.arms.forEach((arm, i) => {
    const value = row.values[i];
    const label = quote(arm.label);
    if (!value || value.mean === null) missed.push(label);
    else {
      const waiting = arm.runs.some((run) => live.includes(run.status));
      const all = value.n + value.missing;
      const some =
        value.missing === 0
          ? ''
          : waiting
            ? ` (${value.n} of ${all} ${unitOf(arm)}s so far)`
            : ` (only ${value.n} of ${all} ${unitOf(arm)}s did)`;
      const steps = `${integer(Math.round(value.mean))} steps`;
      const place = atFirst(comparison, i) ? `at its first evaluation, after ${steps}` : `after ${steps}`;
      reached.push(`${label} ${place}${some}`);
    }
  });
  const open = comparison.arms.some((arm) => arm.runs.some((run) => live.includes(run.status)));
  if (reached.length === 0)
    return open ? `None of the arms has reached ${goal} yet.` : `None of the arms reached ${goal}.`;
  const first = `${goal} was reached by ${listing(reached)}.`;
  const rest = missed.length > 0 ? ` ${open ? 'Not yet' : 'Never'} by ${listing(missed)}.` : '';
  return `${first}${rest}${ratioText(comparison, row)}`;
}

/** Whether the arm was there when it was first looked at: the true number of steps is smaller then. */
function atFirst(comparison: Comparison, arm: number): boolean {
  const row = comparison.table.find((each) => each.key.startsWith('stepsTo:'));
  const name = row?.key.split(':')[1];
  const curve = comparison.curves
    .find((each) => each.arm === comparison.arms[arm]?.id)
    ?.curves.find((each) => each.name === name);
  const mean = row?.values[arm]?.mean;
  return curve?.steps[0] !== undefined && typeof mean === 'number' && mean <= curve.steps[0];
}

function ratioText(comparison: Comparison, row: Comparison['table'][number]): string {
  const base = comparison.arms.findIndex((arm) => arm.id === comparison.baseline);
  const others = comparison.arms.map((_, i) => i).filter((i) => i !== base);
  const only = others[0];
  if (others.length !== 1 || only === undefined || base < 0) return '';
  const difference = row.values[only]?.difference;
  if (!difference?.ratio) return '';
  const factor = difference.ratio < 1 ? 1 / difference.ratio : difference.ratio;
  const unit = unitOf(comparison.arms[only]!);
  const word = difference.ratio < 1 ? 'fewer' : 'more';
  const interval =
    difference.low === null || difference.high === null
      ? ` ${difference.paired ? `One pair of ${unit}s` : `One ${unit} each`} says nothing about chance; add ${unit}s for an interval.`
      : ` Difference ${integer(Math.round(difference.mean))} steps, 95\u202f% interval ${integer(Math.round(difference.low))} to ${integer(Math.round(difference.high))}, ${difference.n} ${difference.paired ? `pairs of ${unit}s` : `${unit}s`}.`;
  // the smaller number is an upper bound then, so the ratio is a lower one
  const bound = atFirst(comparison, difference.ratio < 1 ? only : base) ? 'at least ' : '';
  return ` That is ${bound}${significant(factor, 2)} times ${word} steps than ${quote(comparison.arms[base]!.label)}.${interval}`;
}

/** What the runs of an arm are: repetitions with other seeds, or folds. */
const unitOf = ({ runs }: Comparison['arms'][number]): string => ((runs[0]?.fold ?? null) === null ? 'seed' : 'fold');

const quote = (label: string): string => `“${label}”`;
