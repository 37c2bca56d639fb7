import { canonicalJson } from './hash.ts';
import type { Spec } from './schema.ts';
import { stageWords } from './stages.ts';
import { startWords } from './start.ts';

export interface SpecDifference {
  readonly path: string;
  /** In the specs' order; null where a spec has none. */
  readonly values: unknown[];
}

/**
 * The paths at which specs differ. Nodes are matched by id (`model.nodes.dense1.props.units`); a node that only some have is
 * one difference, its layer's name being the value. Stages are matched by their place (`training.stages[0].imageSize`); one that only
 * some have is one difference, in words. Names, blocks, titles and places on the canvas say nothing about an experiment
 * and are left out; inputs are compared where they are written down.
 */
export function diffSpecs(specs: readonly Spec[], ignore: readonly string[] = []): SpecDifference[] {
  const flat = specs.map(flatten);
  const paths = new Set(flat.flatMap((each) => [...each.keys()]));
  const differences: SpecDifference[] = [];
  const absent = missingNodes(specs);
  const late = missingStages(specs);
  for (const path of paths) {
    if (ignore.some((each) => path === each || path.startsWith(`${each}.`))) continue;
    const node = [...absent].find((id) => path.startsWith(`model.nodes.${id}.`));
    if (node !== undefined) continue;
    if ([...late].some((stage) => path.startsWith(`${stagePath(stage)}.`))) continue;
    const values = flat.map((each) => each.get(path) ?? null);
    const texts = new Set(values.map(canonicalJson));
    if (texts.size > 1) differences.push({ path, values });
  }
  for (const place of late) {
    const stages = specs.map(({ training }) => training.stages[place]);
    differences.push({ path: stagePath(place), values: stages.map((stage) => (stage ? stageWords(stage) : null)) });
  }
  for (const id of absent) {
    const values = specs.map((spec) => spec.model.nodes.find((node) => node.id === id)?.layer ?? null);
    differences.push({ path: `model.nodes.${id}`, values });
  }
  return differences;
}

/** Ids of nodes that not every spec has, in order of appearance. */
function missingNodes(specs: readonly Spec[]): Set<string> {
  const ids = specs.map((spec) => new Set(spec.model.nodes.map((node) => node.id)));
  return new Set(ids.flatMap((each) => [...each]).filter((id) => !ids.every((each) => each.has(id))));
}

const stagePath = (place: number): string => `training.stages[${place}]`;

/** Places of stages that not every spec has. */
function missingStages(specs: readonly Spec[]): Set<number> {
  const counts = specs.map(({ training }) => training.stages.length);
  const least = Math.min(...counts);
  return new Set(Array.from({ length: Math.max(...counts) - least }, (_, i) => least + i));
}

function flatten(spec: Spec): Map<string, unknown> {
  const out = new Map<string, unknown>();
  const { name: _name, ablate: _ablate, model, data: own, start, training, ...rest } = spec;
  const { stages, ...trained } = training;
  const { validation: _validation, ...folded } = own;
  const { nodes, blocks: _blocks, ...switches } = model;
  // a spec that something else than a spec was stored as may lack it
  out.set('start', startWords(start ?? null));
  if (start) leaves({ start: { map: start.map, ...(start.fresh.length > 0 && { fresh: start.fresh }) } }, '', out);
  // with folds the number of images held out elsewhere says nothing
  leaves({ data: (own.folds ?? null) === null ? own : folded, ...rest, training: trained, model: switches }, '', out);
  for (const [i, stage] of stages.entries()) leaves(stage, stagePath(i), out);
  for (const node of nodes) {
    const { id, position: _position, title: _title, inputs, props, layer } = node;
    out.set(`model.nodes.${id}.layer`, layer);
    if (inputs) out.set(`model.nodes.${id}.inputs`, inputs);
    leaves(props ?? {}, `model.nodes.${id}.props`, out);
  }
  return out;
}

function leaves(value: unknown, path: string, out: Map<string, unknown>): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || Object.keys(value).length === 0) {
    if (path !== '' && value !== undefined && !isEmpty(value)) out.set(path, value);
    return;
  }
  for (const [key, child] of Object.entries(value)) leaves(child, path === '' ? key : `${path}.${key}`, out);
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
