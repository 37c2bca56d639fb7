import { LabError } from '../contract/errors.ts';
import type { RunDetails } from '../contract/records.ts';
import { diffSpecs } from '../spec/diff.ts';
import { setSpecValues } from '../spec/set.ts';
import type { Spec } from '../spec/schema.ts';

export interface ForkWish {
  readonly checkpoint: 'last' | 'best';
  /** Left out: the parent's. */
  readonly spec?: unknown;
  readonly set: readonly string[];
  readonly name?: string | undefined;
}

/** The spec of a fork: the parent's or a given one, with changes, going on from the parent's checkpoint. Not checked yet. */
export function forkSpec(parent: RunDetails, step: number, { checkpoint, spec, set, name }: ForkWish): unknown {
  const changed = setSpecValues(spec ?? parent.spec, set);
  if (typeof changed !== 'object' || changed === null || Array.isArray(changed)) {
    throw new LabError('spec', 'runs.fork: the spec is no JSON object.');
  }
  const start = { from: `run:${parent.id}:${checkpoint}`, weights: null, map: {}, fresh: [], carry: 'everything' };
  const named = name ?? `${parent.name}, fork at step ${step}`;
  return { ...changed, name: named.slice(0, 200), start };
}

const most = 3;
const longest = 80;

/** "training.optimizer.learningRate 0.1 → 0.02", for the events of parent and fork. */
export function changeWords(parent: Spec, fork: Spec): string {
  const differences = diffSpecs([parent, fork], ['start']);
  if (differences.length === 0) return 'nothing is changed';
  const words = differences.slice(0, most).map(({ path, values: [before, after] }) => {
    const change = `${show(before)} → ${show(after)}`;
    return change.length > longest ? `${path} changed` : `${path} ${change}`;
  });
  const more = differences.length > most ? `, and ${differences.length - most} more changes` : '';
  return `${words.join(', ')}${more}`;
}

const show = (value: unknown): string =>
  value === null || value === undefined ? 'none' : typeof value === 'string' ? value : JSON.stringify(value);
