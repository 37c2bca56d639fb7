/** Changes of a drawn network, list in, list out. Inputs are written out where they are not the node before. */
import {
  isLayerName,
  layers,
  reaches,
  shortenInputs,
  writeInputs,
  type LayerName,
  type NodeDocument,
} from '../../engine/index.ts';
import type { SpecNode } from './model.ts';

/** The layer of a spec may be any text; what the engine's functions need of a node is the same. */
export const written = (nodes: readonly SpecNode[]): (SpecNode & { inputs: string[] })[] =>
  writeInputs(nodes as NodeDocument[]).map((node) => ({ ...node, inputs: [...node.inputs] }));
export const shortened = (nodes: readonly SpecNode[]): SpecNode[] =>
  shortenInputs(nodes as NodeDocument[]) as SpecNode[];

/** A name that no node has: "dense3". `taken` are further names. */
export function freshId(nodes: readonly SpecNode[], wish: string, taken: ReadonlySet<string> = new Set()): string {
  const ids = new Set(nodes.map((node) => node.id));
  const base = wish.replace(/\d+$/, '').slice(0, 70) || 'layer';
  for (let i = 1; ; i++) if (!ids.has(`${base}${i}`) && !taken.has(`${base}${i}`)) return `${base}${i}`;
}

/** Short names in the field's manner: "bn2" reads better on a card than "batchNorm2". */
const shortNames: Partial<Record<LayerName, string>> = {
  conv2d: 'conv',
  batchNorm: 'bn',
  noisyBatchNorm: 'noisyBn',
  groupNorm: 'gn',
  layerNorm: 'ln',
  maxPool2d: 'pool',
  avgPool2d: 'avgPool',
  globalAvgPool2d: 'gap',
};
export const baseName = (layer: string): string => (isLayerName(layer) ? (shortNames[layer] ?? layer) : layer);

/** How many nodes a layer reads at most; null: any number. Unknown layers read one. */
export function mostInputs(layer: string): number | null {
  return isLayerName(layer) ? layers[layer].inputs.max : 1;
}

/** Why `to` cannot read `from`; null when it can. */
export function connectReason(nodes: readonly SpecNode[], from: string, to: string): string | null {
  const target = nodes.find((node) => node.id === to);
  if (!target || !nodes.some((node) => node.id === from))
    return 'One of the two is not drawn; it is put in by a switch.';
  if (from === to) return `${to} cannot read itself.`;
  if (mostInputs(target.layer) === 0) return `${to} is the input; nothing comes before it.`;
  if (
    written(nodes)
      .find((node) => node.id === to)!
      .inputs.includes(from)
  )
    return `${to} reads ${from} already.`;
  if (reaches(nodes as NodeDocument[], to, from)) return `${from} depends on ${to}; this wire would close a cycle.`;
  return null;
}

/** Every layer that this one could read besides or instead: none of those that depend on it. */
export function readableBy(nodes: readonly SpecNode[], id: string): string[] {
  const list = written(nodes);
  const node = list.find((each) => each.id === id);
  if (!node || mostInputs(node.layer) === 0) return [];
  const readers = new Map<string, string[]>();
  for (const each of list)
    for (const input of each.inputs) readers.set(input, [...(readers.get(input) ?? []), each.id]);
  const behind = new Set<string>();
  const open = [id];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (behind.has(next)) continue;
    behind.add(next);
    open.push(...(readers.get(next) ?? []));
  }
  return list.map((each) => each.id).filter((each) => !behind.has(each) && !node.inputs.includes(each));
}

/** Lets `to` read `from`: one more for add and concat, in the place of what it read for all others. */
export function connect(nodes: readonly SpecNode[], from: string, to: string): SpecNode[] {
  if (connectReason(nodes, from, to) !== null) return [...nodes];
  return shortened(
    written(nodes).map((node) => {
      if (node.id !== to) return node;
      const most = mostInputs(node.layer);
      return {
        ...node,
        inputs:
          most === null || node.inputs.length < most ? [...node.inputs, from] : [...node.inputs.slice(0, -1), from],
      };
    }),
  );
}

/** Takes a wire out; `to` may be left without input, which is a fault that says so. */
export function disconnect(
  nodes: readonly SpecNode[],
  wires: readonly (readonly [from: string, to: string])[],
): SpecNode[] {
  return shortened(
    written(nodes).map((node) => {
      const gone = new Set(wires.filter(([, to]) => to === node.id).map(([from]) => from));
      return gone.size === 0 ? node : { ...node, inputs: node.inputs.filter((id) => !gone.has(id)) };
    }),
  );
}

/** Leads a wire to another place: its end, its beginning, or both are new. The order of inputs stays. */
export function reconnect(
  nodes: readonly SpecNode[],
  [from, to]: readonly [string, string],
  [nextFrom, nextTo]: readonly [string, string],
): SpecNode[] {
  if (to !== nextTo) return connect(disconnect(nodes, [[from, to]]), nextFrom, nextTo);
  const without = disconnect(nodes, [[from, to]]);
  if (connectReason(without, nextFrom, nextTo) !== null) return [...nodes];
  return shortened(
    written(nodes).map((node) =>
      node.id === to ? { ...node, inputs: node.inputs.map((id) => (id === from ? nextFrom : id)) } : node,
    ),
  );
}

/** Takes nodes out: whoever read one reads what it read. */
export function removeNodes(nodes: readonly SpecNode[], ids: readonly string[]): SpecNode[] {
  const gone = new Set(ids);
  const list = written(nodes);
  const inputs = new Map(list.map((node) => [node.id, node.inputs]));
  const through = (id: string, seen: readonly string[]): string[] =>
    gone.has(id) && !seen.includes(id)
      ? (inputs.get(id) ?? []).flatMap((each) => through(each, [...seen, id]))
      : gone.has(id)
        ? []
        : [id];
  return shortened(
    list
      .filter((node) => !gone.has(node.id))
      .map((node) =>
        node.inputs.some((id) => gone.has(id))
          ? { ...node, inputs: [...new Set(node.inputs.flatMap((id) => through(id, [])))] }
          : node,
      ),
  );
}

export const removeNode = (nodes: readonly SpecNode[], id: string): SpecNode[] => removeNodes(nodes, [id]);

/** Another layer in the place of `id`, with its wiring; properties that both have in the same form stay. */
export function replaceNode(
  nodes: readonly SpecNode[],
  id: string,
  layer: LayerName,
): { nodes: SpecNode[]; id: string } {
  const fresh = freshId(nodes, baseName(layer));
  const list = written(nodes).map((node) => {
    const inputs = node.inputs.map((input) => (input === id ? fresh : input));
    if (node.id !== id) return { ...node, inputs };
    const before = (layers as Partial<typeof layers>)[node.layer as LayerName]?.props ?? {};
    const schemas = layers[layer].props;
    const kept = Object.entries(node.props ?? {}).filter(
      ([name]) => schemas[name] && schemas[name].kind === before[name]?.kind,
    );
    const { props: _props, ...rest } = node;
    return { ...rest, id: fresh, layer, inputs, ...(kept.length > 0 && { props: Object.fromEntries(kept) }) };
  });
  return { nodes: shortened(list), id: fresh };
}

/** Why a node cannot be called so; null when it can. */
export function renameReason(nodes: readonly SpecNode[], id: string, wish: string): string | null {
  if (wish === id) return null;
  if (!/^[\p{L}\p{N}_.-]{1,80}$/u.test(wish)) return 'A name has letters, digits, "_", "-" and ".", up to 80 of them.';
  return nodes.some((node) => node.id === wish) ? `Another layer is called ${wish}.` : null;
}

export function renameNode(nodes: readonly SpecNode[], id: string, name: string): SpecNode[] {
  if (renameReason(nodes, id, name) !== null) return [...nodes];
  return nodes.map((node) => ({
    ...node,
    ...(node.id === id && { id: name }),
    ...(node.inputs && { inputs: node.inputs.map((input) => (input === id ? name : input)) }),
  }));
}

/** Sets a property of these nodes; `undefined` puts its default back. */
export function setProp(
  nodes: readonly SpecNode[],
  ids: string | readonly string[],
  name: string,
  value: unknown,
): SpecNode[] {
  const chosen = new Set(typeof ids === 'string' ? [ids] : ids);
  return nodes.map((node) => {
    if (!chosen.has(node.id)) return node;
    const { props, ...rest } = node;
    const next = Object.fromEntries(
      Object.entries({ ...props, [name]: value }).filter(([, each]) => each !== undefined),
    );
    return Object.keys(next).length > 0 ? { ...rest, props: next } : rest;
  });
}

/** Layers that can stand in a chain: one input. In the order of the palette. */
export const chainLayers = (): LayerName[] =>
  (Object.keys(layers) as LayerName[]).filter((name) => layers[name].inputs.min === 1 && layers[name].inputs.max === 1);
