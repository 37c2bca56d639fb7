import { LabError } from '../contract/errors.ts';
import type { RunDetails, RunRecord, Series } from '../contract/records.ts';
import type { Store } from '../ports.ts';
import { findRun } from '../runs/find.ts';
import type { SpecDifference } from '../spec/diff.ts';
import type { Spec } from '../spec/schema.ts';

/** One arm of a comparison: a run, or the runs of a group. */
export interface Arm {
  /** Run id or group id, whole. */
  readonly id: string;
  /** At least one, by seed and fold, each once. */
  readonly runs: readonly RunRecord[];
  /** How many runs of the group repeat a seed (and fold) and are left out. */
  readonly repeats: number;
  /** Of the first run; those of a group differ in seed and fold alone. */
  readonly spec: Spec;
  /** By run id. */
  readonly series: ReadonlyMap<string, readonly Series[]>;
}

/** The arms that are meant: run ids, group ids, or unique beginnings of either. Throws LabError. */
export function findArms(store: Store, texts: readonly string[]): Arm[] {
  const ids = texts.map((text) => findArmId(store, text));
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined)
    throw new LabError('invalid', `compare.get: ${twice} is asked for twice; each arm can be there once.`);
  return ids.map((id) => {
    const details: RunDetails | null = store.getRun(id);
    const all = details ? [record(details)] : store.groupRuns(id);
    const runs = once(all);
    const spec = details?.spec ?? store.getRun(runs[0]!.id)!.spec;
    return {
      id,
      runs,
      repeats: all.length - runs.length,
      spec,
      series: new Map(runs.map((run) => [run.id, store.readSeries(run.id)])),
    };
  });
}

/**
 * One run per seed and fold: a repeated run ends with the same weights, so counting it again would make every interval too narrow. The
 * finished one is taken, else the one that got furthest; of equals the first.
 */
function once(runs: readonly RunRecord[]): RunRecord[] {
  const kept = new Map<string, RunRecord>();
  for (const run of runs) {
    const other = kept.get(replicateOf(run));
    if (!other || progress(run) > progress(other)) kept.set(replicateOf(run), run);
  }
  return [...kept.values()];
}

const progress = ({ status, step }: RunRecord): number => (status === 'finished' ? Infinity : step);

function findArmId(store: Store, text: string): string {
  const wanted = text.trim().toLowerCase();
  const groups = wanted === '' ? [] : store.findGroups(wanted);
  if (groups.includes(wanted)) return wanted;
  const runs = wanted === '' ? [] : store.findRuns(wanted);
  if (runs.length > 0) return findRun(store, wanted);
  if (groups.length === 1) return groups[0]!;
  if (groups.length > 1) {
    const message = `${groups.length} groups begin with ${JSON.stringify(text)}: ${groups.slice(0, 5).join(', ')}. Write more of the id.`;
    throw new LabError('ambiguous', message);
  }
  throw new LabError(
    'notFound',
    `There is no run and no group ${JSON.stringify(text)} in this history; \`list\` shows what there is.`,
  );
}

function record({ spec: _spec, events: _events, ...run }: RunDetails): RunRecord {
  return run;
}

/** What tells the runs of a group apart, and pairs them with those of another: the seed, and the fold of a cross-validation. */
export const replicateOf = ({ seed, fold, folds }: Pick<RunRecord, 'seed' | 'fold' | 'folds'>): string =>
  fold === null ? String(seed) : `${seed}, fold ${fold} of ${folds}`;

/**
 * How much the runs of an arm overlap in the images that they are trained on: k folds share all but one part in k - 1, so that their
 * results scatter less than those of independent runs would. 0 without folds.
 */
export const overlapOf = ({ runs }: Pick<Arm, 'runs'>): number => {
  const { folds } = runs[0]!;
  return folds === null || runs.length < 2 ? 0 : 1 / (folds - 1);
};

/** A label per arm: its name; where names agree, what is different about it as well. */
export function labelsOf(arms: readonly Arm[], differences: readonly SpecDifference[]): string[] {
  const names = arms.map((arm) => arm.runs[0]!.name);
  if (new Set(names).size === names.length) return names;
  const labels = names.map((name, i) => {
    const tell = differences.slice(0, 2).map(({ path, values }) => `${shortPath(path)} ${print(values[i])}`);
    return tell.length > 0 ? `${name} · ${tell.join(', ')}` : name;
  });
  if (new Set(labels).size === labels.length) return labels;
  return labels.map((label, i) => `${label} · ${arms[i]!.id}`);
}

/** The last name of a path; of a node's property the node as well. */
function shortPath(path: string): string {
  const node = /^model\.nodes\.(.+?)(?:\.props)?(?:\.([^.]+))?$/.exec(path);
  if (node) return node[2] === undefined ? node[1]! : `${node[1]}.${node[2]}`;
  return path.split('.').at(-1)!;
}

function print(value: unknown): string {
  if (value === null || value === undefined) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
