/** Changes of a drawn network, list in, list out. Inputs are written out where they are not the node before. */
import { layers, type LayerName } from '../../engine/index.ts';
import type { SpecNode } from './model.ts';

const inputsOf = (nodes: readonly SpecNode[], i: number): readonly string[] => {
  const node = nodes[i]!;
  return node.inputs ?? (i > 0 && node.layer !== 'input' ? [nodes[i - 1]!.id] : []);
};

/** All inputs written out, so that the list can be changed without changing the wiring. */
const written = (nodes: readonly SpecNode[]): SpecNode[] =>
  nodes.map((node, i) => ({ ...node, inputs: [...inputsOf(nodes, i)] }));

/** Left out again where they are the node before. */
const shortened = (nodes: readonly SpecNode[]): SpecNode[] =>
  nodes.map((node, i) => {
    const { inputs, ...rest } = node;
    const before = i > 0 && node.layer !== 'input' ? nodes[i - 1]!.id : undefined;
    const isDefault = inputs?.length === (before === undefined ? 0 : 1) && inputs[0] === before;
    return isDefault || inputs === undefined ? rest : { ...rest, inputs };
  });

/** A name that no node has: "dense3". */
export function freshId(nodes: readonly SpecNode[], layer: string): string {
  const taken = new Set(nodes.map((node) => node.id));
  for (let i = 1; ; i++) if (!taken.has(`${layer}${i}`)) return `${layer}${i}`;
}

/** Puts a new layer behind `id`: whoever read `id` reads the new one. */
export function insertAfter(
  nodes: readonly SpecNode[],
  id: string,
  layer: LayerName,
): { nodes: SpecNode[]; id: string } {
  const list = written(nodes);
  const fresh = freshId(nodes, layer);
  const at = list.findIndex((node) => node.id === id);
  const next = list.map((node) => ({ ...node, inputs: node.inputs?.map((input) => (input === id ? fresh : input)) }));
  next.splice(at + 1, 0, { id: fresh, layer, inputs: [id] });
  return { nodes: shortened(next), id: fresh };
}

/** Takes a node out: whoever read it reads what it read. */
export function removeNode(nodes: readonly SpecNode[], id: string): SpecNode[] {
  const list = written(nodes);
  const gone = list.find((node) => node.id === id);
  if (!gone) return [...nodes];
  return shortened(
    list
      .filter((node) => node.id !== id)
      .map((node) => ({
        ...node,
        inputs: [...new Set(node.inputs?.flatMap((input) => (input === id ? (gone.inputs ?? []) : [input])))],
      })),
  );
}

/** Another layer in the place of `id`, with its wiring; properties that both have in the same form stay. */
export function replaceNode(
  nodes: readonly SpecNode[],
  id: string,
  layer: LayerName,
): { nodes: SpecNode[]; id: string } {
  const fresh = freshId(nodes, layer);
  const list = written(nodes).map((node) => {
    const inputs = node.inputs?.map((input) => (input === id ? fresh : input));
    if (node.id !== id) return { ...node, inputs };
    const before = (layers as Partial<typeof layers>)[node.layer as LayerName]?.props ?? {};
    const schemas = layers[layer].props;
    const kept = Object.entries(node.props ?? {}).filter(
      ([name]) => schemas[name] && schemas[name].kind === before[name]?.kind,
    );
    return { id: fresh, layer, inputs, ...(kept.length > 0 && { props: Object.fromEntries(kept) }) };
  });
  return { nodes: shortened(list), id: fresh };
}

/** Sets a property; `undefined` puts its default back. */
export function setProp(nodes: readonly SpecNode[], id: string, name: string, value: unknown): SpecNode[] {
  return nodes.map((node) => {
    if (node.id !== id) return node;
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
