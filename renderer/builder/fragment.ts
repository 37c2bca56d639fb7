/** Parts of networks: what is copied, dragged in, typed, or kept as a block. Pure, list in, list out. */
import { isLayerName, layers, type LayerName } from '../../engine/index.ts';
import { baseName, freshId, mostInputs, shortened, written } from './edit.ts';
import type { SpecNode } from './model.ts';

export interface Fragment {
  /** Inputs written out; those of no node in here lie outside and are what the fragment is put behind. */
  readonly nodes: readonly SpecNode[];
}

/** Where a fragment goes. */
export type Spot =
  /** Behind these: whoever read the last of them reads the fragment. Several are joined by a layer that takes several. */
  | { readonly after: readonly string[] }
  /** Into a wire. */
  | { readonly wire: readonly [from: string, to: string] }
  /** Reads this one, without taking its readers. */
  | { readonly from: string }
  /** Is read by this one. */
  | { readonly before: string }
  /** Wired to nothing. */
  | 'loose';

/** The most nodes that the canvas takes; the lab itself takes more. */
export const mostDrawn = 2000;

/** One layer. */
export const fragmentOf = (layer: LayerName, props?: Record<string, unknown>): Fragment => ({
  nodes: [{ id: baseName(layer), layer, inputs: [], ...(props && Object.keys(props).length > 0 && { props }) }],
});

/** Layers one behind the other. */
export function chainOf(
  parts: readonly { readonly layer: LayerName; readonly props?: Record<string, unknown> }[],
): Fragment {
  const nodes: SpecNode[] = [];
  for (const { layer, props } of parts) {
    const before = nodes.at(-1)?.id;
    nodes.push({
      id: freshId(nodes, baseName(layer)),
      layer,
      inputs: before === undefined ? [] : [before],
      ...(props && Object.keys(props).length > 0 && { props }),
    });
  }
  return { nodes };
}

/** These nodes with their wiring among one another, in the order of the list. */
export function cut(nodes: readonly SpecNode[], ids: readonly string[]): Fragment {
  const chosen = new Set(ids);
  return { nodes: written(nodes).filter((node) => chosen.has(node.id)) };
}

export interface Inserted {
  readonly nodes: SpecNode[];
  /** Ids of what was put in. */
  readonly ids: string[];
}

/** Puts a fragment in; its nodes get names that are free. A second input node is left out. */
export function insert(nodes: readonly SpecNode[], fragment: Fragment, spot: Spot): Inserted {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  const hasInput = nodes.some((node) => node.layer === 'input');
  const parts = fragment.nodes.filter((node) => !(node.layer === 'input' && hasInput));
  for (const node of parts) {
    const free = !taken.has(node.id) && !nodes.some((each) => each.id === node.id) && /\d$|[._-]/.test(node.id);
    const id = free ? node.id : freshId(nodes, node.id, taken);
    names.set(node.id, id);
    taken.add(id);
  }
  const sources = sourcesOf(spot);
  const fresh = parts.map((node) => {
    const { position: _position, ...rest } = node;
    const inside = (node.inputs ?? []).flatMap((id) => names.get(id) ?? []);
    const outside = (node.inputs ?? []).some((id) => !names.has(id)) || (node.inputs ?? []).length === 0;
    const most = mostInputs(node.layer);
    const wanted = outside && most !== 0 ? sources.filter((id) => !inside.includes(id)) : [];
    const inputs = [...wanted, ...inside];
    return { ...rest, id: names.get(node.id)!, inputs: most === null ? inputs : fewest(inputs, inside, most) };
  });
  if (fresh.length === 0) return { nodes: [...nodes], ids: [] };
  const exit = exitOf(fresh);
  const list = written(nodes);
  const chosen = new Set(sources);
  const at = Math.max(...sources.map((id) => list.findIndex((node) => node.id === id)), -1);
  const rewired = list.map((node) => ({ ...node, inputs: rewire(node, spot, exit.id, chosen) }));
  rewired.splice(at < 0 ? rewired.length : at + 1, 0, ...fresh);
  return { nodes: shortened(rewired), ids: fresh.map((node) => node.id) };
}

/** A layer with one input keeps the one from inside the fragment, else reads the last of the sources. */
const fewest = (inputs: readonly string[], inside: readonly string[], most: number): string[] =>
  inside.length >= most ? inside.slice(0, most) : inputs.slice(-most);

function sourcesOf(spot: Spot): readonly string[] {
  if (spot === 'loose' || 'before' in spot) return [];
  if ('after' in spot) return spot.after;
  return 'wire' in spot ? [spot.wire[0]] : [spot.from];
}

function rewire(
  node: SpecNode & { inputs: string[] },
  spot: Spot,
  exit: string,
  sources: ReadonlySet<string>,
): string[] {
  if (spot === 'loose' || 'from' in spot) return node.inputs;
  if ('before' in spot) {
    if (node.id !== spot.before) return node.inputs;
    const most = mostInputs(node.layer);
    return most === null ? [...node.inputs, exit] : [...node.inputs, exit].slice(-Math.max(1, most));
  }
  if ('wire' in spot) {
    return node.id === spot.wire[1] ? node.inputs.map((id) => (id === spot.wire[0] ? exit : id)) : node.inputs;
  }
  const last = spot.after.at(-1);
  if (sources.has(node.id)) return node.inputs;
  return node.inputs.map((id) => (id === last ? exit : id));
}

/** The last node that no other of the fragment reads. */
function exitOf(nodes: readonly SpecNode[]): SpecNode {
  const read = new Set(nodes.flatMap((node) => node.inputs ?? []));
  return nodes.findLast((node) => !read.has(node.id)) ?? nodes.at(-1)!;
}

/** What lies in the clipboard: JSON that another window, or a text editor, can read. */
export function printFragment(fragment: Fragment): string {
  return JSON.stringify({ ablate: 'fragment', version: 1, nodes: fragment.nodes }, null, 1);
}

/** A fragment from any text: a copied part, a whole model, or a spec. Refuses with what is wrong. */
export function parseFragment(text: string): { fragment: Fragment } | { fault: string } {
  const most = 4 * 2 ** 20;
  if (text.trim() === '') return { fault: 'The clipboard is empty. Copy layers first.' };
  if (text.length > most)
    return { fault: `The clipboard holds ${Math.round(text.length / 2 ** 20)} MiB; a network has at most 4.` };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { fault: 'The clipboard holds no layers, but text that is not JSON. Copy layers on the canvas, or a spec.' };
  }
  const list = nodesIn(json);
  if (list === null) return { fault: 'The clipboard holds JSON, but no layers: a list "nodes" is missing.' };
  if (list.length === 0) return { fault: 'The clipboard holds no layers: its list "nodes" is empty.' };
  if (list.length > mostDrawn) {
    return {
      fault: `The clipboard holds ${list.length.toLocaleString('en')} layers; the canvas takes at most ${mostDrawn.toLocaleString('en')}. Nothing was pasted.`,
    };
  }
  const nodes: SpecNode[] = [];
  for (const [i, item] of list.entries()) {
    const fault = nodeFault(item);
    if (fault !== null) return { fault: `Layer ${i + 1} in the clipboard ${fault}. Nothing was pasted.` };
    nodes.push(structuredClone(item as SpecNode));
  }
  const ids = new Set(nodes.map((node) => node.id));
  if (ids.size < nodes.length) return { fault: 'Two layers in the clipboard have the same id. Nothing was pasted.' };
  return { fragment: { nodes: written(nodes) } };
}

function nodesIn(json: unknown): readonly unknown[] | null {
  if (Array.isArray(json)) return json as readonly unknown[];
  if (typeof json !== 'object' || json === null) return null;
  const { nodes, model } = json as { nodes?: unknown; model?: unknown };
  if (Array.isArray(nodes)) return nodes as readonly unknown[];
  return model === undefined ? null : nodesIn(model);
}

function nodeFault(item: unknown): string | null {
  if (typeof item !== 'object' || item === null) return 'is no object';
  const { id, layer, inputs, props, position, title, ...rest } = item as Record<string, unknown>;
  if (typeof id !== 'string' || !/^[\p{L}\p{N}_.-]{1,80}$/u.test(id)) return 'has no usable "id"';
  if (!isLayerName(layer)) return `("${id}") is of the unknown layer ${JSON.stringify(layer) ?? 'nothing'}`;
  if (inputs !== undefined && !(Array.isArray(inputs) && inputs.every((each) => typeof each === 'string'))) {
    return `("${id}") has inputs that are no list of ids`;
  }
  if (props !== undefined && (typeof props !== 'object' || props === null || Array.isArray(props))) {
    return `("${id}") has props that are no object`;
  }
  const { x, y } = (position ?? { x: 0, y: 0 }) as { x?: unknown; y?: unknown };
  if (!Number.isFinite(x) || !Number.isFinite(y)) return `("${id}") has a position that is none`;
  if (title !== undefined && typeof title !== 'string') return `("${id}") has a title that is no text`;
  const stranger = Object.keys(rest)[0];
  return stranger === undefined ? null : `("${id}") has a field "${stranger.slice(0, 40)}" that no layer has`;
}

/** Layers that fit behind an output of this shape, in the order of the palette; null: the shape is not known. */
export function fitting(shape: readonly number[] | null): LayerName[] {
  return (Object.keys(layers) as LayerName[]).filter((name) => {
    if (name === 'input') return false;
    if (shape === null || mostInputs(name) === null) return true;
    const definition = layers[name];
    const props = Object.fromEntries(Object.entries(definition.props).map(([key, schema]) => [key, schema.default]));
    const result = definition.shape(props as never, [{ id: 'it', shape }], name);
    return !('fault' in result);
  });
}
