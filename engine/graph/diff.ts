import { layers } from '../layers/index.ts';
import { isLayerName } from '../layers/layerName.ts';
import { normaliseProp } from '../layers/props.ts';
import type { Shape } from '../tensor.ts';
import { checkGraph, type CheckOptions } from './check.ts';
import { inputsOf, type GraphDocument } from './document.ts';

/** A node of one side. Numbers are null while its shape cannot be known. */
export interface DiffNode {
  readonly id: string;
  readonly layer: string;
  readonly inputs: readonly string[];
  readonly outputShape: Shape | null;
  readonly parameters: number | null;
  readonly macs: number | null;
}

export interface DiffChange {
  /** "layer", "inputs", or a property's name. */
  readonly name: string;
  readonly before: unknown;
  readonly after: unknown;
}

export interface DiffEntry {
  readonly kind: 'same' | 'added' | 'removed' | 'changed';
  readonly before: DiffNode | null;
  readonly after: DiffNode | null;
  /** How the two were found to be the same node; null for one side alone. */
  readonly matched: 'id' | 'structure' | null;
  /** What was changed at the node itself. Its shape or parameters may also differ because of another node. */
  readonly changes: readonly DiffChange[];
}

export interface DiffTotals {
  readonly nodes: number;
  readonly parameters: number | null;
  readonly macs: number | null;
}

export interface GraphDiff {
  /** In the order of the later model, what is gone where it stood. */
  readonly entries: readonly DiffEntry[];
  readonly before: DiffTotals;
  readonly after: DiffTotals;
}

interface Side {
  readonly nodes: readonly DiffNode[];
  readonly props: readonly Readonly<Record<string, unknown>>[];
  readonly totals: DiffTotals;
}

/** Pairs that are compared at most when nodes are matched by structure. */
const mostPairs = 4_000_000;

/**
 * What differs between two models. Nodes are matched by id, and what is left by structure: the longest run of layers with equal
 * properties, then of equal layers. Faulty models are compared as far as they can be read.
 */
export function diffGraphs(
  before: GraphDocument,
  after: GraphDocument,
  options: { readonly before: CheckOptions; readonly after: CheckOptions },
): GraphDiff {
  const [a, b] = [sideOf(before, options.before), sideOf(after, options.after)];
  const matches = match(a, b);
  const partner = new Map([...matches].map(([i, { to }]) => [a.nodes[i]!.id, b.nodes[to]!.id]));
  const fromB = new Map([...matches].map(([i, found]) => [found.to, { from: i, how: found.how }]));
  const entries: DiffEntry[] = [];
  const gone = a.nodes.map((_, i) => i).filter((i) => !matches.has(i));
  let next = 0;
  const leave = (limit: number): void => {
    for (; next < gone.length && gone[next]! < limit; next++) {
      entries.push({ kind: 'removed', before: a.nodes[gone[next]!]!, after: null, matched: null, changes: [] });
    }
  };
  b.nodes.forEach((node, j) => {
    const found = fromB.get(j);
    if (found === undefined) {
      entries.push({ kind: 'added', before: null, after: node, matched: null, changes: [] });
      return;
    }
    leave(found.from);
    const changes = changesOf(a, found.from, b, j, partner);
    const kind = changes.length > 0 ? 'changed' : 'same';
    entries.push({ kind, before: a.nodes[found.from]!, after: node, matched: found.how, changes });
  });
  leave(Infinity);
  return { entries, before: a.totals, after: b.totals };
}

function sideOf(document: GraphDocument, options: CheckOptions): Side {
  const checked = checkGraph(document, options);
  const known = new Map(checked.nodes.map((node) => [node.place, node]));
  const nodes = document.nodes.map((node, i): DiffNode => {
    const found = known.get(i);
    return {
      id: node.id,
      layer: node.layer,
      inputs: inputsOf(document.nodes, i),
      outputShape: found?.outputShape ?? null,
      parameters: found?.parameterCount ?? null,
      macs: found?.macs ?? null,
    };
  });
  const sum = (of: 'parameterCount' | 'macs'): number => checked.nodes.reduce((total, node) => total + node[of], 0);
  return {
    nodes,
    props: document.nodes.map(({ layer, props }) => canonicalProps(layer, props ?? {})),
    totals: {
      nodes: nodes.length,
      parameters: checked.ok ? sum('parameterCount') : null,
      macs: checked.ok ? sum('macs') : null,
    },
  };
}

/** Defaults filled in, each value in its one form; what a layer does not know stays as it is written. */
function canonicalProps(layer: string, given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const schemas = isLayerName(layer) ? layers[layer].props : {};
  const out: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(schemas)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    const normalised = value === undefined ? { value: schema.default } : normaliseProp(schema, value);
    if (schema.hidden !== true) out[name] = 'value' in normalised ? normalised.value : value;
  }
  for (const [name, value] of Object.entries(given)) if (!Object.hasOwn(schemas, name)) out[name] = value;
  return out;
}

type Matches = Map<number, { readonly to: number; readonly how: 'id' | 'structure' }>;

function match(a: Side, b: Side): Matches {
  const matches: Matches = new Map();
  const places = new Map(b.nodes.map(({ id }, j) => [id, j]));
  const taken = new Set<number>();
  a.nodes.forEach(({ id, layer }, i) => {
    const j = places.get(id);
    // another layer under the same name is another node, unless nothing better is found
    if (j === undefined || taken.has(j) || b.nodes[j]!.layer !== layer) return;
    matches.set(i, { to: j, how: 'id' });
    taken.add(j);
  });
  const keys = (side: Side, exact: boolean): string[] =>
    side.nodes.map(({ layer }, i) => (exact ? `${layer} ${JSON.stringify(side.props[i])}` : layer));
  for (const exact of [true, false]) matchRuns(keys(a, exact), keys(b, exact), matches, taken);
  a.nodes.forEach(({ id }, i) => {
    const j = places.get(id);
    if (matches.has(i) || j === undefined || taken.has(j)) return;
    matches.set(i, { to: j, how: 'id' });
    taken.add(j);
  });
  return matches;
}

/** Matches what is left, in order, stretch by stretch between nodes that are matched already. */
function matchRuns(a: readonly string[], b: readonly string[], matches: Matches, taken: Set<number>): void {
  const anchors = increasing([...matches].map(([i, { to }]) => [i, to] as const).sort(([x], [y]) => x - y));
  const bounds = [[-1, -1] as const, ...anchors, [a.length, b.length] as const];
  for (let k = 1; k < bounds.length; k++) {
    const left = range(bounds[k - 1]![0] + 1, bounds[k]![0]).filter((i) => !matches.has(i));
    const right = range(bounds[k - 1]![1] + 1, bounds[k]![1]).filter((j) => !taken.has(j));
    for (const [i, j] of longestCommon(left, right, (x, y) => a[x] === b[y])) {
      matches.set(i, { to: j, how: 'structure' });
      taken.add(j);
    }
  }
}

const range = (from: number, end: number): number[] =>
  Array.from({ length: Math.max(0, end - from) }, (_, i) => from + i);

/** Pairs whose second numbers rise too; others were moved and bound nothing. */
function increasing(pairs: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const kept: (readonly [number, number])[] = [];
  for (const pair of pairs) if (kept.length === 0 || pair[1] > kept.at(-1)![1]) kept.push(pair);
  return kept;
}

/** Longest common subsequence, as pairs. */
function longestCommon(
  left: readonly number[],
  right: readonly number[],
  equal: (i: number, j: number) => boolean,
): (readonly [number, number])[] {
  const [n, m] = [left.length, right.length];
  if (n === 0 || m === 0 || n * m > mostPairs) return [];
  const width = m + 1;
  const lengths = new Uint32Array((n + 1) * width);
  for (let i = n - 1; i >= 0; i--) {
    for (let j = m - 1; j >= 0; j--) {
      lengths[i * width + j] = equal(left[i]!, right[j]!)
        ? lengths[(i + 1) * width + j + 1]! + 1
        : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  const pairs: (readonly [number, number])[] = [];
  for (let i = 0, j = 0; i < n && j < m;) {
    if (equal(left[i]!, right[j]!)) pairs.push([left[i++]!, right[j++]!]);
    else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) i++;
    else j++;
  }
  return pairs;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function changesOf(a: Side, i: number, b: Side, j: number, partner: ReadonlyMap<string, string>): DiffChange[] {
  const [before, after] = [a.nodes[i]!, b.nodes[j]!];
  const changes: DiffChange[] = [];
  if (before.layer !== after.layer) changes.push({ name: 'layer', before: before.layer, after: after.layer });
  const names = new Set([...Object.keys(a.props[i]!), ...Object.keys(b.props[j]!)]);
  for (const name of names) {
    const [old, now] = [a.props[i]![name], b.props[j]![name]];
    // what only one of two layers has follows from the change of layer
    if (before.layer !== after.layer && (old === undefined || now === undefined)) continue;
    if (!same(old, now)) changes.push({ name, before: old ?? null, after: now ?? null });
  }
  const moved = before.inputs.map((id) => partner.get(id) ?? id);
  if (!same(moved, after.inputs)) changes.push({ name: 'inputs', before: before.inputs, after: after.inputs });
  return changes;
}
