/** Columns of the table of runs: what they show, how they sort, how wide they are. */
import type { RunRecord } from '../../lab/contract/records.ts';
import { statusLooks } from '../parts/status.ts';

export type ColumnName =
  | 'status'
  | 'name'
  | 'curve'
  | 'model'
  | 'dataset'
  | 'seed'
  | 'validation'
  | 'test'
  | 'steps'
  | 'seconds'
  | 'rate'
  | 'tags'
  | 'created';

export interface Column {
  readonly name: ColumnName;
  readonly label: string;
  readonly title: string;
  /** Pixels; the name takes what is left, but at least this. */
  readonly width: number;
  readonly numeric?: boolean;
  /** Undefined: cannot be sorted by. */
  readonly value?: (run: RunRecord) => string | number | null;
  /** Where there is no room for all, the highest go first. 0 stays always. */
  readonly spare: number;
}

const statusOrder = Object.keys(statusLooks);

export const columns: readonly Column[] = [
  {
    name: 'status',
    label: 'Status',
    title: 'Status',
    width: 108,
    spare: 0,
    value: (run) => statusOrder.indexOf(run.status),
  },
  {
    name: 'name',
    label: 'Name',
    title: 'Name',
    width: 190,
    spare: 0,
    value: (run) => run.name.toLowerCase() || run.id,
  },
  { name: 'curve', label: 'Curve', title: 'Validation accuracy over the run', width: 104, spare: 2 },
  { name: 'model', label: 'Model', title: 'The network, one bar per layer', width: 104, spare: 4 },
  { name: 'dataset', label: 'Data set', title: 'Data set', width: 116, spare: 5, value: (run) => run.dataset },
  {
    name: 'seed',
    label: 'Seed',
    title: 'Seed of the random draws',
    width: 58,
    numeric: true,
    spare: 1,
    value: (run) => run.seed,
  },
  {
    name: 'validation',
    label: 'Validation',
    title: 'Accuracy on the validation images, at the last evaluation',
    width: 92,
    numeric: true,
    spare: 0,
    value: (run) => run.metrics.validationAccuracy,
  },
  {
    name: 'test',
    label: 'Test',
    title: 'Accuracy on the test images, measured once at the end',
    width: 86,
    numeric: true,
    spare: 0,
    value: (run) => run.metrics.testAccuracy,
  },
  {
    name: 'steps',
    label: 'Steps',
    title: 'Training steps done',
    width: 116,
    numeric: true,
    spare: 1,
    value: (run) => run.step,
  },
  {
    name: 'seconds',
    label: 'Time',
    title: 'Training time, without pauses and evaluations',
    width: 104,
    numeric: true,
    spare: 3,
    value: (run) => run.seconds,
  },
  {
    name: 'rate',
    label: 'Speed',
    title: 'Training images per second',
    width: 128,
    numeric: true,
    spare: 7,
    value: (run) => run.imagesPerSecond,
  },
  { name: 'tags', label: 'Tags', title: 'Tags', width: 150, spare: 6, value: (run) => run.tags.join(' ') || null },
  {
    name: 'created',
    label: 'Created',
    title: 'When it was put into the queue',
    width: 92,
    numeric: true,
    spare: 4,
    value: (run) => run.createdAt,
  },
];

/** Room that every row needs besides its columns: mark, star, edges. */
const edges = 92;

/** Columns that fit into `width`, those most easily spared left out first. */
export function fitting(wanted: readonly Column[], width: number): Column[] {
  const list = [...wanted];
  const total = (): number => list.reduce((sum, column) => sum + column.width, edges);
  while (total() > width) {
    const spared = list.reduce((most, column) => (column.spare > most.spare ? column : most), list[0]!);
    if (spared.spare === 0) break;
    list.splice(list.indexOf(spared), 1);
  }
  return list;
}

export interface Order {
  readonly column: ColumnName;
  readonly down: boolean;
}

/** Sorted; runs without a value come last either way, equals stay newest first. */
export function sorted(runs: readonly RunRecord[], order: Order): readonly RunRecord[] {
  const value = columns.find((column) => column.name === order.column)?.value;
  if (!value) return runs;
  const sign = order.down ? -1 : 1;
  const keyed = runs.map((run, i) => ({ run, i, key: value(run) }));
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return a.key === b.key ? a.i - b.i : a.key === null ? 1 : -1;
    if (a.key === b.key) return a.i - b.i;
    return (a.key < b.key ? -1 : 1) * sign;
  });
  return keyed.map(({ run }) => run);
}

const texts = new WeakMap<RunRecord, string>();
/** Everything of a run that the search looks at. */
function textOf(run: RunRecord): string {
  let text = texts.get(run);
  if (text === undefined) {
    text = [run.name, run.id, run.group, run.dataset, run.note, run.status, `seed ${run.seed}`, ...run.tags]
      .join('\n')
      .toLowerCase();
    texts.set(run, text);
  }
  return text;
}

/** Runs that hold every word. */
export function searched(runs: readonly RunRecord[], query: string): readonly RunRecord[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return runs;
  return runs.filter((run) => words.every((word) => textOf(run).includes(word)));
}

/** Which rows of a long list are in sight, with a few on each side. */
export function slice(top: number, height: number, row: number, count: number): { from: number; to: number } {
  const from = Math.max(0, Math.floor(top / row) - 6);
  return { from, to: Math.min(count, Math.ceil((top + height) / row) + 6) };
}
