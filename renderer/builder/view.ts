/** What stands on the canvas: a card per layer, one for each block that is folded up, and the wires between them. Pure. */
import type { LayerCategory } from '../../engine/index.ts';
import type { ModelNode } from './model.ts';

export interface Block {
  readonly id: string;
  readonly title: string;
  /** Ids of the layers of each repetition. */
  readonly copies: readonly (readonly string[])[];
  readonly collapsed?: boolean;
}

export interface LayerView {
  readonly kind: 'layer';
  readonly id: string;
  readonly node: ModelNode;
  readonly block: string | undefined;
}

export interface BlockView {
  readonly kind: 'block';
  /** Of the block, marked so that it is no layer's. */
  readonly id: string;
  readonly block: Block;
  readonly members: readonly ModelNode[];
  /** Where the block is left. */
  readonly exit: ModelNode;
  readonly parameters: number;
  readonly macs: number;
  readonly categories: readonly LayerCategory[];
}

export type CardView = LayerView | BlockView;

export interface WireView {
  readonly id: string;
  /** Cards. */
  readonly from: string;
  readonly to: string;
  /** Layers: the same, unless a block is folded up. */
  readonly source: string;
  readonly target: string;
}

export interface View {
  readonly cards: readonly CardView[];
  readonly wires: readonly WireView[];
}

export const blockCardId = (block: string): string => `[${block}]`;
export const blockOfCard = (card: string): string | null => /^\[(.*)\]$/.exec(card)?.[1] ?? null;

export function viewOf(nodes: readonly ModelNode[], blocks: readonly Block[]): View {
  const folded = new Map<string, Block>();
  const blockOf = new Map<string, string>();
  for (const block of blocks) {
    for (const id of block.copies.flat()) {
      blockOf.set(id, block.id);
      if (block.collapsed === true) folded.set(id, block);
    }
  }
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const members = new Map<string, ModelNode[]>();
  // what a switch puts into a folded block is inside, too: it reads a member and is read by members alone
  const readers = new Map<string, string[]>();
  for (const node of nodes) for (const id of node.inputs) readers.set(id, [...(readers.get(id) ?? []), node.id]);
  for (const node of nodes) {
    if (!node.inserted || folded.has(node.id)) continue;
    const from = folded.get(node.inputs[0] ?? '');
    const read = readers.get(node.id) ?? [];
    if (from && read.length > 0 && read.every((id) => folded.get(id) === from)) folded.set(node.id, from);
  }
  const cards: CardView[] = [];
  const done = new Set<string>();
  for (const node of nodes) {
    const block = folded.get(node.id);
    if (block) members.set(block.id, [...(members.get(block.id) ?? []), node]);
  }
  for (const node of nodes) {
    if (byId.get(node.id) !== node) continue;
    const block = folded.get(node.id);
    if (!block) cards.push({ kind: 'layer', id: node.id, node, block: blockOf.get(node.id) });
    else if (!done.has(block.id)) {
      done.add(block.id);
      cards.push(blockView(block, members.get(block.id)!, nodes));
    }
  }
  const cardOf = (id: string): string => (folded.has(id) ? blockCardId(folded.get(id)!.id) : id);
  const wires = new Map<string, WireView>();
  for (const node of nodes) {
    for (const input of new Set(node.inputs)) {
      if (!byId.has(input) || input === node.id) continue;
      const [from, to] = [cardOf(input), cardOf(node.id)];
      if (from !== to) wires.set(`${from}→${to}`, { id: `${from}→${to}`, from, to, source: input, target: node.id });
    }
  }
  return { cards, wires: [...wires.values()] };
}

function blockView(block: Block, members: readonly ModelNode[], nodes: readonly ModelNode[]): BlockView {
  const own = new Set(members.map((node) => node.id));
  const leaving = new Set(nodes.flatMap((node) => (own.has(node.id) ? [] : node.inputs)).filter((id) => own.has(id)));
  const exit = members.findLast((node) => leaving.has(node.id)) ?? members.at(-1)!;
  return {
    kind: 'block',
    id: blockCardId(block.id),
    block,
    members,
    exit,
    parameters: members.reduce((sum, node) => sum + (node.parameters ?? 0), 0),
    macs: members.reduce((sum, node) => sum + (node.macs ?? 0), 0),
    categories: [...new Set(members.map((node) => node.category))],
  };
}
