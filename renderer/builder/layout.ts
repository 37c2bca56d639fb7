/**
 * Where the cards of a network stand. Layers run from top to bottom; a network that is too tall for its pane is broken into
 * columns where one wire alone crosses, read like the columns of a newspaper. Pure geometry, no framework.
 */
import { graphlib, layout as dagre } from '@dagrejs/dagre';

export interface LayoutNode {
  readonly id: string;
  readonly inputs: readonly string[];
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface LayoutResult {
  /** Upper left corners. */
  readonly nodes: ReadonlyMap<string, Point>;
  readonly wires: readonly {
    readonly id: string;
    readonly from: string;
    readonly to: string;
    readonly points: readonly Point[];
    readonly broken: boolean;
  }[];
  readonly width: number;
  readonly height: number;
}

const gapBetweenRanks = 30;
const gapBetweenNodes = 40;
const gapBetweenColumns = 56;

export function layoutGraph(
  nodes: readonly LayoutNode[],
  pane: { readonly width: number; readonly height: number },
): LayoutResult {
  const { boxes, wires } = place(nodes);
  const ranks = ranksOf(boxes);
  const cuts = cutsBetween(ranks, wires);
  let best = arrange(boxes, wires, ranks, []);
  for (let columns = 2; columns <= 8; columns++) {
    const chosen = choose(ranks, cuts, columns);
    if (chosen.length !== columns - 1) continue;
    const next = arrange(boxes, wires, ranks, chosen);
    if (scaleIn(next, pane) > scaleIn(best, pane) * 1.08) best = next;
  }
  return best;
}

/** How large it can be drawn in the pane; beyond full size nothing is gained. */
export function scaleIn(
  size: { readonly width: number; readonly height: number },
  pane: { readonly width: number; readonly height: number },
): number {
  return Math.min(1, pane.width / size.width, pane.height / size.height);
}

interface Box {
  readonly id: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}
interface Wire {
  readonly from: string;
  readonly to: string;
  readonly points: readonly Point[];
}

function place(nodes: readonly LayoutNode[]): { boxes: Map<string, Box>; wires: Wire[] } {
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: 'TB', ranksep: gapBetweenRanks, nodesep: gapBetweenNodes, marginx: 0, marginy: 0 });
  graph.setDefaultEdgeLabel(() => ({}));
  const known = new Set(nodes.map((node) => node.id));
  for (const { id, width, height } of nodes) graph.setNode(id, { width, height });
  const pairs = nodes.flatMap((node) =>
    [...new Set(node.inputs)]
      .filter((input) => known.has(input) && input !== node.id)
      .map((input) => [input, node.id] as const),
  );
  for (const [from, to] of pairs) graph.setEdge(from, to, {});
  dagre(graph);
  const boxes = new Map<string, Box>();
  for (const { id, width, height } of nodes) {
    const at = graph.node(id) as { x: number; y: number };
    boxes.set(id, { id, x: at.x - width / 2, y: at.y - height / 2, width, height });
  }
  const wires = pairs.map(([from, to]) => {
    const label = graph.edge(from, to) as { points?: Point[] };
    const [a, b] = [boxes.get(from)!, boxes.get(to)!];
    const inner = (label.points ?? []).slice(1, -1);
    const start = { x: a.x + a.width / 2, y: a.y + a.height };
    const end = { x: b.x + b.width / 2, y: b.y };
    // a wire to the next rank needs no detour
    return { from, to, points: [start, ...(inner.length > 1 ? inner : []), end] };
  });
  return { boxes, wires };
}

interface Rank {
  readonly top: number;
  readonly bottom: number;
  readonly ids: readonly string[];
}

function ranksOf(boxes: ReadonlyMap<string, Box>): Rank[] {
  const rows = new Map<number, Box[]>();
  for (const box of boxes.values()) {
    const middle = Math.round(box.y + box.height / 2);
    const row = rows.get(middle);
    if (row) row.push(box);
    else rows.set(middle, [box]);
  }
  return [...rows]
    .sort(([a], [b]) => a - b)
    .map(([, row]) => ({
      top: Math.min(...row.map((box) => box.y)),
      bottom: Math.max(...row.map((box) => box.y + box.height)),
      ids: row.map((box) => box.id),
    }));
}

/** Ranks in front of which the network may be broken: one wire alone crosses there. */
function cutsBetween(ranks: readonly Rank[], wires: readonly Wire[]): number[] {
  const rankOf = new Map(ranks.flatMap((rank, i) => rank.ids.map((id) => [id, i] as const)));
  const crossing = new Array<number>(ranks.length + 1).fill(0);
  for (const { from, to } of wires) {
    const [low, high] = [rankOf.get(from)!, rankOf.get(to)!].sort((a, b) => a - b) as [number, number];
    for (let i = low + 1; i <= high; i++) crossing[i]!++;
  }
  return ranks.map((_, i) => i).filter((i) => i > 0 && crossing[i] === 1);
}

/** The cuts that come nearest to columns of equal height. */
function choose(ranks: readonly Rank[], cuts: readonly number[], columns: number): number[] {
  const total = ranks.at(-1)?.bottom ?? 0;
  const chosen: number[] = [];
  for (let column = 1; column < columns; column++) {
    const wanted = (total * column) / columns;
    const free = cuts.filter((cut) => cut > (chosen.at(-1) ?? 0));
    const nearest = free.reduce<number | null>((best, cut) => {
      const distance = Math.abs(ranks[cut]!.top - wanted);
      return best === null || distance < Math.abs(ranks[best]!.top - wanted) ? cut : best;
    }, null);
    if (nearest !== null) chosen.push(nearest);
  }
  return chosen;
}

function arrange(
  boxes: ReadonlyMap<string, Box>,
  wires: readonly Wire[],
  ranks: readonly Rank[],
  cuts: readonly number[],
): LayoutResult {
  const columnOf = new Map<string, number>();
  const shifts: Point[] = [];
  /** Where the wire into a column runs: in the middle of the gap in front of it. */
  const gutters: number[] = [];
  let x = 0;
  let height = 0;
  const bounds = [0, ...cuts, ranks.length];
  for (let column = 0; column + 1 < bounds.length; column++) {
    const part = ranks.slice(bounds[column], bounds[column + 1]);
    const members = part.flatMap((rank) => rank.ids.map((id) => boxes.get(id)!));
    if (members.length === 0) continue;
    const ids = new Set(members.map((box) => box.id));
    const xs = wires
      .filter((wire) => ids.has(wire.from) && ids.has(wire.to))
      .flatMap((wire) => wire.points.map((point) => point.x));
    const left = Math.min(...members.map((box) => box.x), ...xs);
    const right = Math.max(...members.map((box) => box.x + box.width), ...xs);
    const top = part[0]!.top;
    for (const box of members) columnOf.set(box.id, shifts.length);
    shifts.push({ x: x - left, y: -top });
    gutters.push(x - gapBetweenColumns / 2);
    height = Math.max(height, part.at(-1)!.bottom - top);
    x += right - left + gapBetweenColumns;
  }
  const move = (id: string, point: Point): Point => {
    const shift = shifts[columnOf.get(id)!]!;
    return { x: point.x + shift.x, y: point.y + shift.y };
  };
  return {
    nodes: new Map([...boxes.values()].map((box) => [box.id, move(box.id, box)])),
    wires: wires.map((wire) => {
      const broken = columnOf.get(wire.from) !== columnOf.get(wire.to);
      const last = wire.points.length - 1;
      const points = wire.points.map((point, i) => move(i === last ? wire.to : wire.from, point));
      return {
        id: `${wire.from}→${wire.to}`,
        from: wire.from,
        to: wire.to,
        points: broken ? detour(points[0]!, points[last]!, gutters[columnOf.get(wire.to)!]!) : points,
        broken,
      };
    }),
    width: Math.max(1, x - gapBetweenColumns),
    height: Math.max(1, height),
  };
}

/** From the foot of one column over the gap to the head of the next. */
function detour(from: Point, to: Point, gutter: number): Point[] {
  const foot = from.y + gapBetweenRanks / 2;
  const head = to.y - gapBetweenRanks / 2;
  return [from, { x: from.x, y: foot }, { x: gutter, y: foot }, { x: gutter, y: head }, { x: to.x, y: head }, to];
}

/** SVG path of a wire: smooth within a column, with round corners between columns. */
export function wirePath(points: readonly Point[], broken: boolean): string {
  const first = points[0];
  if (!first) return '';
  return broken ? corners(points, 8) : curve(points);
}

function curve(points: readonly Point[]): string {
  let path = `M${at(points[0]!)}`;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1]!, points[i]!];
    const middle = (a.y + b.y) / 2;
    path += a.x === b.x ? `L${at(b)}` : `C${at({ x: a.x, y: middle })} ${at({ x: b.x, y: middle })} ${at(b)}`;
  }
  return path;
}

function corners(points: readonly Point[], radius: number): string {
  let path = `M${at(points[0]!)}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [before, corner, after] = [points[i - 1]!, points[i]!, points[i + 1]!];
    const enter = toward(corner, before, radius);
    path += `L${at(enter)}Q${at(corner)} ${at(toward(corner, after, radius))}`;
  }
  return `${path}L${at(points.at(-1)!)}`;
}

function toward(from: Point, to: Point, distance: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const share = length === 0 ? 0 : Math.min(distance, length / 2) / length;
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

const at = (point: Point): string => `${Math.round(point.x * 10) / 10} ${Math.round(point.y * 10) / 10}`;
