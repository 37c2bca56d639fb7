/** From the network and its layout to the cards and wires that the canvas draws; what says the same as before is the same object. */
import type { LayoutResult } from '../../../engine/index.ts';
import { isSame } from '../../state/patch.ts';
import { cardHeight, cardWidth, handlesOf, type CanvasNode, type Repairing, type WireEdge } from '../flow.ts';
import type { CardView, View } from '../view.ts';
import { spoken } from '../walk.ts';

/** What something that is dragged from the palette would go behind, or into. */
export interface DropTarget {
  readonly node?: string;
  readonly wire?: string;
}

interface Drawn {
  readonly view: View;
  readonly layout: LayoutResult;
  /** Ids of the selected layers. */
  readonly chosen: ReadonlySet<string>;
  readonly over: DropTarget | null;
}

export function drawCards(
  { view, layout, chosen, over }: Drawn,
  drawn: readonly CanvasNode[],
  repair: (prop: Repairing) => void,
): CanvasNode[] {
  const before = new Map(drawn.map((card) => [card.id, card]));
  return view.cards.map((card) => {
    const selected = card.kind === 'layer' ? chosen.has(card.id) : card.members.some((node) => chosen.has(node.id));
    const old = before.get(card.id);
    const position = layout.nodes.get(card.id) ?? { x: 0, y: 0 };
    const mark = over?.node === card.id;
    const inserted = card.kind === 'layer' && card.node.inserted;
    if (
      old?.selected === selected &&
      old.data.mark === mark &&
      sameView(old.data.view, card) &&
      old.position.x === position.x &&
      old.position.y === position.y
    ) {
      return old;
    }
    const size = { width: cardWidth, height: cardHeight(card) };
    return {
      id: card.id,
      type: card.kind === 'layer' ? 'card' : 'block',
      position: { ...position },
      data: { view: card, mark, repair },
      ...size,
      measured: size,
      handles: handlesOf(size.height),
      selected,
      draggable: !inserted,
      ariaLabel: spoken(card, view),
    } as CanvasNode;
  });
}

const sameView = (a: CardView, b: CardView): boolean =>
  a === b ||
  (a.kind === 'layer' && b.kind === 'layer'
    ? a.node === b.node && a.block === b.block
    : a.kind === 'block' && b.kind === 'block' && a.block === b.block && isSame(a.members, b.members));

export function drawWires(
  { view, layout, over }: Drawn,
  drawn: readonly WireEdge[],
  shapes: ReadonlyMap<string, readonly number[] | null>,
  chosen: readonly [string, string] | null,
): WireEdge[] {
  const lines = new Map(layout.wires.map((wire) => [wire.id, wire]));
  const heights = new Map(view.cards.map((card) => [card.id, cardHeight(card)]));
  const before = new Map(drawn.map((wire) => [wire.id, wire]));
  return view.wires.map((wire) => {
    const line = lines.get(wire.id);
    // the wire starts at the card, also where a fault has made room under it
    const start = layout.nodes.get(wire.from);
    const points =
      line && start ? [{ x: line.points[0]!.x, y: start.y + heights.get(wire.from)! }, ...line.points.slice(1)] : [];
    const data = {
      points,
      broken: line?.broken ?? false,
      shape: shapes.get(wire.source) ?? null,
      mark: over?.wire === wire.id,
      chosen: chosen?.[0] === wire.source && chosen[1] === wire.target,
    };
    const old = before.get(wire.id);
    if (old && isSame(old.data, data)) return old;
    return {
      id: wire.id,
      type: 'wire',
      source: wire.from,
      target: wire.to,
      selectable: false,
      focusable: false,
      ariaLabel: `Wire from ${wire.source} to ${wire.target}`,
      data,
    };
  });
}
