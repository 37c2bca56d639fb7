import { layers } from '../../layers/index.ts';
import type { Initializer } from '../../layers/initializer.ts';
import { isLayerName, type LayerName } from '../../layers/layerName.ts';
import { inputsOf, type GraphDocument, type NodeDocument } from '../document.ts';
import { shortenInputs, writeInputs } from '../inputs.ts';

/**
 * Changes across a whole network, document in, document out. Ids stay wherever a layer stays, so that its random draws do;
 * blocks stay as they are.
 */

const has = (node: NodeDocument, prop: string): boolean =>
  isLayerName(node.layer) && Object.hasOwn(layers[node.layer].props, prop);

const withProps = (node: NodeDocument, props: Readonly<Record<string, unknown>>): NodeDocument => ({
  ...node,
  props: { ...node.props, ...props },
});

/** Every activation becomes this one; properties of the old one go, as no two mean the same. */
export function withActivation(document: GraphDocument, layer: LayerName): GraphDocument {
  const nodes = document.nodes.map((node) => {
    if (!isLayerName(node.layer) || layers[node.layer].category !== 'activation' || node.layer === layer) return node;
    const { props: _props, ...rest } = node;
    return { ...rest, layer };
  });
  return { ...document, nodes };
}

/** Every layer with weights starts with this initialiser. */
export function withInitializer(document: GraphDocument, initializer: Initializer): GraphDocument {
  const nodes = document.nodes.map((node) =>
    has(node, 'weightInit') ? withProps(node, { weightInit: initializer }) : node,
  );
  return { ...document, nodes };
}

/** The layer whose outputs are the classes: the last with weights before the end. Undefined if the document has no single end. */
export function outputLayer({ nodes }: GraphDocument): string | undefined {
  const read = new Set(nodes.flatMap((_node, i) => inputsOf(nodes, i)));
  const ends = nodes.filter((node) => !read.has(node.id));
  if (ends.length !== 1) return undefined;
  let at: NodeDocument | undefined = ends[0];
  for (let steps = 0; at !== undefined && steps < nodes.length; steps++) {
    if (has(at, 'units') || has(at, 'filters')) return at.id;
    const i = nodes.indexOf(at);
    const [input] = inputsOf(nodes, i);
    at = nodes.find((node) => node.id === input);
  }
  return undefined;
}

/**
 * Every hidden dense layer and convolution gets `factor` times its units or filters, at least 1. Equal widths stay equal, so
 * shortcuts still fit; groups of a depthwise convolution grow along, other groups are kept where they still divide.
 */
export function withWidth(document: GraphDocument, factor: number): GraphDocument {
  const output = outputLayer(document);
  const scale = (value: unknown, otherwise: number): number =>
    Math.max(1, Math.round((typeof value === 'number' ? value : otherwise) * factor));
  const nodes = document.nodes.map((node) => {
    if (node.id === output) return node;
    if (has(node, 'units')) return withProps(node, { units: scale(node.props?.['units'], 100) });
    if (!has(node, 'filters')) return node;
    const filters = typeof node.props?.['filters'] === 'number' ? node.props['filters'] : 32;
    const groups = node.props?.['groups'];
    const depthwise = typeof groups === 'number' && groups > 1 && groups === filters;
    return withProps(node, { filters: scale(filters, 32), ...(depthwise && { groups: scale(groups, 1) }) });
  });
  return { ...document, nodes };
}

/** Layers that belong to the layer with weights in front of them. */
const followers = new Set(['normalisation', 'activation', 'regularisation']);

/**
 * Every hidden layer with weights stands `times` times, each copy with the normalisation, activation and dropout that follow it.
 * Copies keep the shape (as many units or filters as they read, stride 1, padding same), so whatever the layer led to still fits.
 * New layers are called "<id>_2", "<id>_3" ...
 */
export function withDepth(document: GraphDocument, times: number): GraphDocument {
  if (times <= 1) return document;
  const output = outputLayer(document);
  let list = writeInputs(document.nodes);
  const readersOf = (id: string): readonly NodeDocument[] => list.filter((node) => node.inputs.includes(id));
  const taken = new Set(list.map((node) => node.id));
  const blocks = (document.blocks ?? []).map((block) => ({ ...block, copies: block.copies.map((copy) => [...copy]) }));
  for (const head of list.filter((node) => node.id !== output && (has(node, 'units') || has(node, 'filters')))) {
    const unit = [head];
    for (;;) {
      const readers = readersOf(unit.at(-1)!.id);
      const next = readers.length === 1 ? list.find((node) => node.id === readers[0]!.id) : undefined;
      if (next === undefined || next.inputs.length !== 1 || !isLayerName(next.layer)) break;
      if (!followers.has(layers[next.layer].category)) break;
      unit.push(next);
    }
    for (let copy = 2; copy <= times; copy++) {
      const end = unit.at(-1)!.id;
      const last = copy === 2 ? end : nameOf(end, copy - 1);
      const names = unit.map((node) => freshName(nameOf(node.id, copy), taken));
      const added = unit.map((node, i) => {
        const { position: _position, title: _title, ...rest } = node;
        const inputs = i === 0 ? [last] : [names[i - 1]!];
        return { ...(i === 0 ? sameShape(rest) : rest), id: names[i]!, inputs };
      });
      const exit = names.at(-1)!;
      list = list.map((node) => ({ ...node, inputs: node.inputs.map((id) => (id === last ? exit : id)) }));
      list.splice(list.findIndex((node) => node.id === last) + 1, 0, ...added);
      for (const block of blocks) {
        for (const members of block.copies) if (members.includes(end)) members.push(...names);
      }
    }
  }
  return { ...document, nodes: shortenInputs(list), ...(document.blocks && { blocks }) };
}

const nameOf = (id: string, copy: number): string => `${id.slice(0, 74)}_${copy}`;

function freshName(wish: string, taken: Set<string>): string {
  let name = wish;
  while (taken.has(name)) name = `${name}_`;
  taken.add(name);
  return name;
}

/** The layer again, reading its own output. */
function sameShape(node: NodeDocument): NodeDocument {
  if (!has(node, 'filters')) return node;
  const { stride: _stride, pads: _pads, ...others } = node.props ?? {};
  return { ...node, props: { ...others, padding: 'same' } };
}

/**
 * Dense layers and convolutions whose bias does nothing: a batch norm that learns a shift alone reads them, subtracts the mean
 * and with it the bias (Ioffe & Szegedy 2015, section 3.2).
 */
export function redundantBiases({ nodes }: GraphDocument): readonly string[] {
  const readers = new Map<string, NodeDocument[]>();
  nodes.forEach((node, i) => {
    for (const id of inputsOf(nodes, i)) readers.set(id, [...(readers.get(id) ?? []), node]);
  });
  return nodes
    .filter((node) => {
      const read = readers.get(node.id) ?? [];
      return has(node, 'bias') && node.props?.['bias'] !== false && read.length === 1 && read[0]!.layer === 'batchNorm';
    })
    .map((node) => node.id);
}

/** Without the biases that do nothing. */
export function withoutRedundantBiases(document: GraphDocument): GraphDocument {
  const redundant = new Set(redundantBiases(document));
  const nodes = document.nodes.map((node) => (redundant.has(node.id) ? withProps(node, { bias: false }) : node));
  return { ...document, nodes };
}
