import { LabError } from '../contract/errors.ts';
import type { RunDetails } from '../contract/records.ts';
import type { ArchitectureVersion } from '../contract/architectureRecords.ts';
import { findArchitecture } from '../architectures/refs.ts';
import type { CheckpointRecord, Store } from '../ports.ts';
import { findRun } from '../runs/find.ts';

type Role = CheckpointRecord['role'];

/** Stored weights that were named, found. */
export interface Source {
  /** With ids written out. */
  readonly from: string;
  /** "best weights of MNIST, 784-100-10 (r1ab), step 400". */
  readonly words: string;
  readonly content:
    | { readonly kind: 'run'; readonly run: RunDetails; readonly checkpoint: CheckpointRecord }
    | { readonly kind: 'architecture'; readonly id: string; readonly version: ArchitectureVersion };
}

/** What tells the runs of a group apart. */
export interface Counterpart {
  readonly seed: number;
  /** Null: no folds. */
  readonly fold: number | null;
}

/** What a source is for: a fork goes on from where the run was, weights alone come from where it was best. */
export type Carry = 'weights' | 'everything';

/**
 * Finds what `text` names: "run:<id>", "group:<id>" (the finished run of this seed and fold), each with ":best" or ":last" behind it, or
 * "architecture:<name or id>@<version>"; the kind may be left out. Throws LabError 'notFound', 'ambiguous' or 'state'.
 */
export function findSource(store: Store, text: string, replicate: Counterpart, carry: Carry): Source {
  const trimmed = text.trim();
  const [, kind, rest] = /^(run|group|architecture):(.*)$/s.exec(trimmed) ?? [undefined, undefined, trimmed];
  const [, name, role] = /^(.*?)(?::(best|last))?$/s.exec(rest)! as unknown as [string, string, Role | undefined];
  if (kind === 'architecture' || (kind === undefined && isArchitecture(store, rest)))
    return ofArchitecture(store, rest);
  const wanted = name.toLowerCase();
  const groups = kind === 'run' || wanted === '' ? [] : store.findGroups(wanted);
  if (kind === 'group' || (groups.length > 0 && (wanted === groups[0] || store.findRuns(wanted).length === 0))) {
    return ofGroup(store, wanted, groups, replicate, role, carry);
  }
  const run = store.getRun(findRun(store, name))!;
  const checkpoint = checkpointOf(store, run, role, carry);
  const { id } = run;
  return {
    from: `run:${id}:${checkpoint.role}`,
    words: wordsOf(run, checkpoint),
    content: { kind: 'run', run, checkpoint },
  };
}

const isArchitecture = (store: Store, text: string): boolean =>
  text !== '' &&
  (store.findArchitectures(text).length > 0 || store.findArchitectures(text.replace(/@\d+$/, '')).length > 0);

const wordsOf = ({ name, id }: RunDetails, { role, step }: CheckpointRecord): string =>
  `${role} weights of ${name} (${id}), step ${step}`;

function checkpointOf(store: Store, run: RunDetails, role: Role | undefined, carry: Carry): CheckpointRecord {
  const [first, second]: Role[] = carry === 'everything' ? ['last', 'best'] : ['best', 'last'];
  const found =
    role === undefined
      ? (store.getCheckpoint(run.id, first!) ?? store.getCheckpoint(run.id, second!))
      : store.getCheckpoint(run.id, role);
  if (found) return found;
  throw new LabError(
    'state',
    `Run ${run.id} has no ${role === undefined ? '' : `${role} `}checkpoint yet, so there are no weights to start from; let it train.`,
  );
}

/** The finished run of this seed, and fold where the group has folds: only then do its checkpoints stay, and the group's name with them stands for the weights. */
function ofGroup(
  store: Store,
  text: string,
  groups: readonly string[],
  { seed, fold }: Counterpart,
  role: Role | undefined,
  carry: Carry,
): Source {
  if (groups.length !== 1 && !groups.includes(text)) {
    const [code, message] =
      groups.length === 0
        ? ([
            'notFound',
            `There is no group ${JSON.stringify(text)} in this history; \`list\` shows what there is.`,
          ] as const)
        : ([
            'ambiguous',
            `${groups.length} groups begin with ${JSON.stringify(text)}: ${groups.slice(0, 5).join(', ')}. Write more of the id.`,
          ] as const);
    throw new LabError(code, message);
  }
  const group = groups.includes(text) ? text : groups[0]!;
  const finished = store.groupRuns(group).filter(({ status }) => status === 'finished');
  const found = finished.find((run) => run.seed === seed && (run.fold === fold || run.fold === null));
  if (!found) {
    const seeds = [...new Set(finished.map((run) => run.seed))];
    const has = seeds.length === 0 ? 'no finished run' : `finished runs of seed ${seeds.join(', ')}`;
    throw new LabError(
      'state',
      `Group ${group} has ${has}, but none of seed ${seed}${fold === null ? '' : ` and fold ${fold}`} to start from; train it first, or choose among its seeds.`,
    );
  }
  // one choice for all of them: a name for the weights must not depend on the seed
  const best = finished.every(({ id }) => store.getCheckpoint(id, 'best') !== null);
  const all = role ?? (carry === 'everything' || !best ? 'last' : 'best');
  const run = store.getRun(found.id)!;
  const checkpoint = checkpointOf(store, run, all, carry);
  return {
    from: `group:${group}:${all}`,
    words: wordsOf(run, checkpoint),
    content: { kind: 'run', run, checkpoint },
  };
}

/** A counterpart that a group surely has: its first finished run. For other sources it does not matter. */
export function anyCounterpart(store: Store, text: string): Counterpart {
  const wanted = text
    .trim()
    .toLowerCase()
    .replace(/^group:/, '')
    .replace(/:(best|last)$/, '');
  const [group] = wanted === '' ? [] : store.findGroups(wanted);
  const run = group === undefined ? undefined : store.groupRuns(group).find(({ status }) => status === 'finished');
  return { seed: run?.seed ?? 0, fold: run?.fold ?? null };
}

function ofArchitecture(store: Store, text: string): Source {
  const named = store.findArchitectures(text).length > 0 ? null : /^(.+)@(\d{1,9})$/s.exec(text);
  const id = findArchitecture(store, named ? named[1]! : text);
  const { name, latest, versions } = store.getArchitecture(id)!;
  const number = named ? Number(named[2]) : latest.version;
  const version = versions.find((each) => each.version === number);
  if (!version)
    throw new LabError('notFound', `${name} has versions 1 to ${latest.version}, but no version ${number}.`);
  if (!version.weights) {
    const stored = versions.filter(({ weights }) => weights !== null).map((each) => each.version);
    const others = stored.length > 0 ? ` Version ${stored.join(', ')} has.` : '';
    throw new LabError(
      'state',
      `${name}, version ${number}, was saved without weights, so there is nothing to start from.${others}`,
    );
  }
  return {
    from: `architecture:${id}@${number}`,
    words: `weights of ${name}, version ${number}`,
    content: { kind: 'architecture', id, version },
  };
}
