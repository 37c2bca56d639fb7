/** What a change across the network adds, takes out and alters, layer by layer, in the order of the network. Pure. */
import { checkGraph, costOf, inputsOf, layers, type GraphDocument, type NodeDocument } from '../../engine/index.ts';
import type { DatasetRecord } from '../../lab/contract/records.ts';
import type { Spec } from '../../lab/contract/spec.ts';

export interface LayerChange {
  readonly kind: 'added' | 'removed' | 'changed' | 'same';
  readonly id: string;
  readonly title: string;
  readonly category: string;
  /** "filters 16 → 32"; of added ones their settings. */
  readonly what: string;
}

export interface NetworkChange {
  readonly layers: readonly LayerChange[];
  readonly before: Costs | null;
  /** Null while the changed network has faults, which `faults` tells. */
  readonly after: Costs | null;
  readonly faults: readonly string[];
}

export interface Costs {
  readonly layers: number;
  readonly parameters: number;
  readonly macs: number;
  readonly memory: number;
}

export function compareNetworks(
  before: GraphDocument,
  after: GraphDocument,
  spec: Spec,
  dataset: DatasetRecord,
): NetworkChange {
  const options = { inputShape: dataset.imageShape, classes: dataset.classes.length };
  const checked = checkGraph(after, options);
  const costs = (document: GraphDocument): Costs | null => {
    const graph = checkGraph(document, options);
    if (!graph.ok) return null;
    const { batchSize, optimizer } = spec.training;
    const cost = costOf(graph, { batchSize, optimizer });
    return {
      layers: graph.nodes.length,
      parameters: cost.parameters,
      macs: cost.macsPerImage,
      memory: cost.activationBytes,
    };
  };
  return {
    layers: changesOf(before, after),
    before: costs(before),
    after: costs(after),
    faults: checked.faults.map((fault) => fault.message),
  };
}

export function changesOf(before: GraphDocument, after: GraphDocument): LayerChange[] {
  const old = new Map(before.nodes.map((node) => [node.id, node]));
  const next = new Map(after.nodes.map((node) => [node.id, node]));
  const rows: LayerChange[] = [];
  // what went stands where it stood: behind the layer that it followed
  let at = 0;
  const flush = (until: string | null): void => {
    for (; at < before.nodes.length && before.nodes[at]!.id !== until; at++) {
      const node = before.nodes[at]!;
      if (!next.has(node.id)) rows.push(row('removed', node, words(node)));
    }
  };
  after.nodes.forEach((node, i) => {
    const known = old.get(node.id);
    if (known === undefined) {
      rows.push(row('added', node, words(node)));
      return;
    }
    const place = before.nodes.indexOf(known);
    if (place >= at) flush(node.id);
    const what = difference(known, node, inputsOf(before.nodes, place), inputsOf(after.nodes, i), next);
    rows.push(row(what === '' ? 'same' : 'changed', node, what));
    if (before.nodes[at]?.id === node.id) at++;
  });
  flush(null);
  return rows;
}

function row(kind: LayerChange['kind'], node: NodeDocument, what: string): LayerChange {
  const layer = (layers as Partial<typeof layers>)[node.layer];
  return { kind, id: node.id, title: layer?.title ?? node.layer, category: layer?.category ?? 'shape', what };
}

const print = (value: unknown): string => {
  if (Array.isArray(value)) return value.join('×');
  if (typeof value === 'object' && value !== null) return Object.values(value).join(' ');
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
};

const words = (node: NodeDocument): string =>
  Object.entries(node.props ?? {})
    .filter(([name]) => schemaOf(node, name)?.hidden !== true)
    .map(([name, value]) => `${labelOf(node, name)} ${print(value)}`)
    .join(', ');

const schemaOf = (node: NodeDocument, name: string) => (layers as Partial<typeof layers>)[node.layer]?.props[name];
const labelOf = (node: NodeDocument, name: string): string => (schemaOf(node, name)?.label ?? name).toLowerCase();

function difference(
  before: NodeDocument,
  after: NodeDocument,
  reads: readonly string[],
  readsNow: readonly string[],
  next: ReadonlyMap<string, NodeDocument>,
): string {
  const parts: string[] = [];
  if (before.layer !== after.layer) {
    parts.push(`was ${(layers as Partial<typeof layers>)[before.layer]?.title ?? before.layer}`);
  } else {
    for (const name of new Set([...Object.keys(before.props ?? {}), ...Object.keys(after.props ?? {})])) {
      const schema = schemaOf(after, name);
      if (schema?.hidden === true) continue;
      const [a, b] = [before.props?.[name] ?? schema?.default, after.props?.[name] ?? schema?.default];
      if (JSON.stringify(a) !== JSON.stringify(b)) parts.push(`${labelOf(after, name)} ${print(a)} → ${print(b)}`);
    }
  }
  // who is read instead of an inserted or removed layer is told by that layer
  const moved =
    readsNow.filter((id) => !reads.includes(id) && next.has(id)).length > 0 && reads.length !== readsNow.length;
  if (moved) parts.push(`reads ${readsNow.join(', ')}`);
  return parts.join(', ');
}
