import type { LayoutNode } from './geometry.ts';

/** A node of a layered drawing; `source` is empty for the bends of a wire that passes a rank. */
export interface Cell {
  readonly source: LayoutNode | undefined;
  readonly width: number;
  readonly height: number;
  readonly rank: number;
  readonly above: Cell[];
  readonly below: Cell[];
  /** Centre. */
  x: number;
  /** Place in its rank. */
  order: number;
}

/** A wire and the cells it passes, from its first to its last. */
export interface Strand {
  readonly from: string;
  readonly to: string;
  readonly cells: readonly Cell[];
}

export interface Layers {
  readonly rows: readonly (readonly Cell[])[];
  readonly strands: readonly Strand[];
}

/** Bends beyond this number are left out: the wires of such a giant run straight. */
const mostBends = 20_000;
const bendWidth = 12;

/** Spreads a graph over ranks, each node one below the lowest that it reads. Wires that close a cycle are led upwards. */
export function layered(nodes: readonly LayoutNode[]): Layers {
  const ranks = rankOf(nodes);
  const cells = new Map<string, Cell>();
  const rows: Cell[][] = [];
  const add = (source: LayoutNode | undefined, rank: number, width: number, height: number): Cell => {
    const cell: Cell = { source, width, height, rank, above: [], below: [], x: 0, order: 0 };
    (rows[rank] ??= []).push(cell);
    return cell;
  };
  for (const node of nodes) {
    if (!cells.has(node.id)) cells.set(node.id, add(node, ranks.get(node.id)!, node.width, node.height));
  }
  const strands: Strand[] = [];
  let bends = 0;
  for (const node of nodes) {
    for (const input of new Set(node.inputs)) {
      const [from, to] = [cells.get(input), cells.get(node.id)!];
      if (from === undefined || from === to) continue;
      const path = [from];
      const [low, high] = from.rank < to.rank ? [from, to] : [to, from];
      const between: Cell[] = [];
      if (bends + high.rank - low.rank < mostBends) {
        for (let rank = low.rank + 1; rank < high.rank; rank++) between.push(add(undefined, rank, bendWidth, 0));
        bends += between.length;
      }
      const chain = [low, ...between, high];
      for (let i = 1; i < chain.length; i++) {
        chain[i - 1]!.below.push(chain[i]!);
        chain[i]!.above.push(chain[i - 1]!);
      }
      path.push(...(from === low ? between : between.reverse()), to);
      strands.push({ from: input, to: node.id, cells: path });
    }
  }
  for (let i = 0; i < rows.length; i++) rows[i] ??= [];
  return { rows, strands };
}

/** Longest way from an input, by id. Where only cycles are left, the first node of the list goes on. */
function rankOf(nodes: readonly LayoutNode[]): Map<string, number> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const waiting = new Map<string, number>();
  const readers = new Map<string, string[]>();
  for (const node of byId.values()) {
    const inputs = [...new Set(node.inputs)].filter((id) => byId.has(id) && id !== node.id);
    waiting.set(node.id, inputs.length);
    for (const id of inputs) {
      const list = readers.get(id);
      if (list === undefined) readers.set(id, [node.id]);
      else list.push(node.id);
    }
  }
  const ranks = new Map<string, number>();
  const least = new Map<string, number>();
  const ready = [...waiting].filter(([, count]) => count === 0).map(([id]) => id);
  const all = [...byId.keys()];
  let next = 0;
  for (let at = 0; ranks.size < all.length; at++) {
    if (at >= ready.length) {
      while (ranks.has(all[next]!)) next++;
      ready.push(all[next]!);
    }
    const id = ready[at]!;
    if (ranks.has(id)) continue;
    const rank = least.get(id) ?? 0;
    ranks.set(id, rank);
    for (const reader of readers.get(id) ?? []) {
      if (ranks.has(reader)) continue;
      least.set(reader, Math.max(least.get(reader) ?? 0, rank + 1));
      const count = waiting.get(reader)! - 1;
      waiting.set(reader, count);
      if (count === 0) ready.push(reader);
    }
  }
  return ranks;
}
