/** Room for what speaks under a card, made in a layout that knows nothing of it. Pure geometry. */
import type { LayoutResult, Point } from '../../engine/index.ts';

/** Under a card: where its lower edge is, counted from its upper one, and how much room is wanted below. */
export interface Room {
  readonly id: string;
  readonly cardHeight: number;
  readonly room: number;
}

/**
 * The layout with all that stands below these cards in their columns moved down. Other columns stay as they are, and no column is
 * broken anew: a fault comes and goes while one types, and nothing else shall move.
 */
export function withRoom(layout: LayoutResult, rooms: readonly Room[]): LayoutResult {
  if (rooms.length === 0) return layout;
  const columnOf = (x: number): number =>
    Math.max(
      0,
      layout.columns.findLastIndex((begin) => begin <= x),
    );
  const pushes = layout.columns.map((): { readonly below: number; readonly room: number }[] => []);
  for (const { id, cardHeight, room } of rooms) {
    const place = layout.nodes.get(id);
    if (place) pushes[columnOf(place.x)]!.push({ below: place.y + cardHeight, room });
  }
  const down = (column: number, y: number): number =>
    pushes[column]!.reduce((sum, { below, room }) => (y >= below ? sum + room : sum), 0);
  const moved = ({ x, y }: Point, column = columnOf(x)): Point => {
    const by = down(column, y);
    return by === 0 ? { x, y } : { x, y: y + by };
  };
  const all = layout.columns.map((_, column) => down(column, Infinity));
  return {
    ...layout,
    nodes: new Map([...layout.nodes].map(([id, place]) => [id, moved(place)])),
    wires: layout.wires.map((wire) => {
      const [from, to] = [layout.nodes.get(wire.from), layout.nodes.get(wire.to)];
      if (!from || !to) return wire;
      const [a, b] = [columnOf(from.x), columnOf(to.x)];
      // the first half of a wire into another column runs at the foot of its own
      const points = wire.points.map((point, i) => moved(point, i < wire.points.length / 2 ? a : b));
      return { ...wire, points };
    }),
    height: layout.height + Math.max(0, ...all),
  };
}
