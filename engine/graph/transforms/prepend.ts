import { EngineError, type Fault } from '../../errors.ts';
import { layers } from '../../layers/index.ts';
import { isLayerName, type LayerName } from '../../layers/layerName.ts';
import { formatShape, type Shape } from '../../tensor.ts';
import { checkGraph, type CheckedNode } from '../check.ts';
import type { GraphDocument, NodeDocument } from '../document.ts';
import { shortenInputs, writeInputs } from '../inputs.ts';
import { quote } from '../words.ts';

/**
 * What is put in front of a network. `pool`: a convolution that keeps the size, batch norm, an activation and a max pooling that
 * halves the image; `stride`: a convolution with stride 2 in the place of the pooling; `nodes`: layers of one's own, one behind the
 * other unless they say what they read; the first reads the input, and the last is read by the network.
 */
export type Stem =
  | { readonly kind: 'pool' | 'stride'; readonly filters?: number; readonly kernel?: number }
  | { readonly kind: 'nodes'; readonly nodes: readonly NodeDocument[] };

export interface PrependOptions {
  readonly stem: Stem;
  /** Layers of the network that go: those at its front, up to and with the last one named. */
  readonly drop?: readonly string[];
  /** Of one image as the network was trained, [C, H, W]: tells how many channels its layers expect. */
  readonly inputShape: Shape;
}

export interface Prepended {
  readonly document: GraphDocument;
  /** Ids of the stem's nodes, in their order. */
  readonly stem: readonly string[];
  /** Ids of the nodes that went. */
  readonly dropped: readonly string[];
  /** Nodes that read the stem. */
  readonly receivers: readonly string[];
  /** Of one image, what the receivers read when the network was trained, and so what a stem has to give to keep their weights. */
  readonly expected: Shape;
}

const defaultKernel = 3;

/**
 * A network with a stem in front, right behind the input, and perhaps without its first layers. All others keep their ids, so that
 * trained weights find them by name and random draws stay. Unless `filters` says otherwise the stem gives as many channels as the
 * layer behind it read when it was trained, so its weights fit. Throws EngineError('graph') with every reason why it cannot be done.
 */
export function withStem(document: GraphDocument, { stem, drop = [], inputShape }: PrependOptions): Prepended {
  const checked = checkGraph(document, { inputShape });
  if (checked.faults.length > 0) refuse(checked.faults);
  const nodes = new Map(checked.nodes.map((node) => [node.id, node]));
  const input = checked.nodes.find(({ layer }) => layer === 'input')!;
  const dropped = frontOf(nodes, input.id, drop, checked.outputId);
  const cut = cutBehind(checked.nodes, input.id, dropped);
  const expected = nodes.get(cut)!.outputShape;
  const kept = writeInputs(document.nodes).filter(({ id }) => !dropped.has(id));
  const taken = new Set(document.nodes.map(({ id }) => id));
  const layersOfStem = stemNodes(stem, { input: input.id, expected, activation: activationOf(checked.nodes), taken });
  const exit = layersOfStem.at(-1)!.id;
  const receivers: string[] = [];
  const rewired = kept.map((node) => {
    if (!node.inputs.includes(cut)) return node;
    receivers.push(node.id);
    return { ...node, inputs: node.inputs.map((id) => (id === cut ? exit : id)) };
  });
  const at = rewired.findIndex(({ id }) => id === input.id) + 1;
  const list = shortenInputs([...rewired.slice(0, at), ...layersOfStem, ...rewired.slice(at)]);
  const blocks = (document.blocks ?? [])
    .map((block) => ({ ...block, copies: block.copies.filter((copy) => copy.every((id) => !dropped.has(id))) }))
    .filter(({ copies }) => copies.length > 0);
  return {
    document: { nodes: list, ...(blocks.length > 0 && { blocks }) },
    stem: layersOfStem.map(({ id }) => id),
    dropped: checked.nodes.map(({ id }) => id).filter((id) => dropped.has(id)),
    receivers,
    expected,
  };
}

function refuse(faults: readonly Fault[]): never {
  throw new EngineError('graph', faults.map(({ message }) => message).join('\n'), faults);
}

/** The named nodes and everything that they depend on, without the input. */
function frontOf(
  nodes: ReadonlyMap<string, CheckedNode>,
  input: string,
  drop: readonly string[],
  output: string,
): ReadonlySet<string> {
  const faults: Fault[] = [];
  const front = new Set<string>();
  const open: string[] = [];
  for (const id of drop) {
    if (!nodes.has(id))
      faults.push({ message: `drop: the network has no node ${quote(id)}; it has ${[...nodes.keys()].join(', ')}.` });
    else if (id === input)
      faults.push({ node: id, message: `drop: ${id} is the input, which stays in front of the stem.` });
    else if (id === output)
      faults.push({ node: id, message: `drop: ${id} is the output; nothing would be left behind the stem.` });
    else open.push(id);
  }
  if (faults.length > 0) refuse(faults);
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (id === input || front.has(id)) continue;
    front.add(id);
    open.push(...nodes.get(id)!.inputs);
  }
  return front;
}

/** The one node, the input or a dropped one, that the rest of the network reads. */
function cutBehind(nodes: readonly CheckedNode[], input: string, dropped: ReadonlySet<string>): string {
  const front = (id: string): boolean => id === input || dropped.has(id);
  const read = new Set(nodes.filter(({ id }) => !front(id)).flatMap((node) => node.inputs.filter(front)));
  if (read.size === 1) return [...read][0]!;
  const names = [...read].join(' and ');
  refuse([
    {
      message: `drop: what stays reads ${names}, but a stem has one output. Drop up to a layer through which everything passes, such as behind an add.`,
    },
  ]);
}

/** The activation that the network uses most; ReLU for one without any. */
function activationOf(nodes: readonly CheckedNode[]): LayerName {
  const counts = new Map<LayerName, number>();
  for (const { layer } of nodes) {
    if (isLayerName(layer) && layers[layer].category === 'activation') counts.set(layer, (counts.get(layer) ?? 0) + 1);
  }
  return [...counts].reduce<[LayerName, number]>((most, each) => (each[1] > most[1] ? each : most), ['relu', 0])[0];
}

interface StemPlace {
  readonly input: string;
  readonly expected: Shape;
  readonly activation: LayerName;
  /** Ids of the whole old network, dropped nodes too: a new node must not take the weights of an old one. */
  readonly taken: ReadonlySet<string>;
}

function stemNodes(stem: Stem, place: StemPlace): readonly (NodeDocument & { readonly inputs: readonly string[] })[] {
  const { input, expected, activation, taken } = place;
  if (stem.kind === 'nodes') return ownNodes(stem.nodes, place);
  if (expected.length !== 3) {
    refuse([
      {
        message: `What stays of the network reads ${formatShape(expected)}, no image, so a stem of convolutions cannot stand in front of it; drop fewer layers.`,
      },
    ]);
  }
  const free = (wish: string): string => {
    let id = wish;
    for (let n = 2; taken.has(id); n++) id = `${wish}${n}`;
    return id;
  };
  const { filters = expected[0]!, kernel = defaultKernel } = stem;
  const strided = stem.kind === 'stride';
  const side = Math.floor((kernel - 1) / 2);
  const pads = strided ? { padding: 'explicit', pads: [side, side, side, side], stride: 2 } : { padding: 'same' };
  const list: NodeDocument[] = [
    // batch norm's beta takes the place of the bias
    { id: free('stem_conv'), layer: 'conv2d', props: { filters, kernel, ...pads, bias: false } },
    { id: free('stem_bn'), layer: 'batchNorm' },
    { id: free(`stem_${activation}`), layer: activation },
    ...(strided ? [] : [{ id: free('stem_pool'), layer: 'maxPool2d' as const, props: { kernel: 2 } }]),
  ];
  return list.map((node, i) => ({ ...node, inputs: [i === 0 ? input : list[i - 1]!.id] }));
}

/** Layers that somebody wrote: a list like that of a model, whose first node reads the input. */
function ownNodes(
  nodes: readonly NodeDocument[],
  { input, taken }: StemPlace,
): readonly (NodeDocument & { readonly inputs: readonly string[] })[] {
  const faults: Fault[] = [];
  if (nodes.length === 0) faults.push({ message: 'stem: it has no layers; give at least one.' });
  const own = new Set(nodes.map(({ id }) => id));
  for (const { id, layer, inputs = [] } of nodes) {
    if (taken.has(id)) {
      faults.push({ node: id, message: `stem: the network has a node "${id}" already; give the stem's another id.` });
    }
    if (layer === 'input') faults.push({ node: id, message: `stem: ${id} is an input; the network's own stays.` });
    for (const read of inputs) {
      if (own.has(read) || read === input) continue;
      faults.push({
        node: id,
        message: `stem: ${id} reads "${read}"; a stem reads the input "${input}" and its own nodes.`,
      });
    }
  }
  if (faults.length > 0) refuse(faults);
  return nodes.map((node, i) => ({ ...node, inputs: node.inputs ?? [i === 0 ? input : nodes[i - 1]!.id] }));
}
