import { scaleIn, type Box, type LayoutGaps, type LayoutResult, type Point } from './geometry.ts';

interface Wire {
  readonly from: string;
  readonly to: string;
  readonly points: readonly Point[];
}
interface Row {
  readonly top: number;
  readonly bottom: number;
  readonly boxes: readonly Box[];
}

const mostColumns = 12;
/** A further column must be worth its break. */
const worth = 1.08;

/** The drawing in as many columns as let it be drawn largest in the pane. */
export function breakIntoColumns(
  boxes: readonly (readonly Box[])[],
  wires: readonly Wire[],
  pane: { readonly width: number; readonly height: number } | undefined,
  gaps: LayoutGaps,
): LayoutResult {
  const rows = boxes
    .filter((row) => row.length > 0)
    .map((row) => ({
      boxes: row,
      top: row.reduce((least, box) => Math.min(least, box.y), Infinity),
      bottom: row.reduce((most, box) => Math.max(most, box.y + box.height), -Infinity),
    }));
  let best = arrange(rows, wires, [], gaps);
  if (pane === undefined || scaleIn(best, pane) >= 1) return best;
  const cuts = cutsBetween(rows, wires);
  for (let columns = 2; columns <= mostColumns; columns++) {
    const chosen = choose(rows, cuts, columns);
    if (chosen.length !== columns - 1) continue;
    const next = arrange(rows, wires, chosen, gaps);
    if (scaleIn(next, pane) > scaleIn(best, pane) * worth) best = next;
  }
  return best;
}

/** Rows in front of which the network may be broken: one wire alone crosses there, and it lies in no group. */
function cutsBetween(rows: readonly Row[], wires: readonly Wire[]): number[] {
  const rowOf = new Map(rows.flatMap((row, i) => row.boxes.map((box) => [box.id, i] as const)));
  const groupOf = new Map(rows.flatMap((row) => row.boxes.map((box) => [box.id, box.group] as const)));
  const crossing = new Array<number>(rows.length + 1).fill(0);
  for (const { from, to } of wires) {
    const [a, b] = [rowOf.get(from), rowOf.get(to)];
    if (a === undefined || b === undefined) continue;
    const group = groupOf.get(from);
    const inGroup = group !== undefined && group === groupOf.get(to);
    // counted by differences: +1 where the wire begins to cross, -1 behind its end
    const weight = inGroup ? 2 : 1;
    crossing[Math.min(a, b) + 1]! += weight;
    if (Math.max(a, b) + 1 <= rows.length) crossing[Math.max(a, b) + 1]! -= weight;
  }
  const cuts: number[] = [];
  let count = 0;
  for (let i = 0; i < rows.length; i++) {
    count += crossing[i]!;
    if (i > 0 && count === 1) cuts.push(i);
  }
  return cuts;
}

/** The cuts that come nearest to columns of equal height. */
function choose(rows: readonly Row[], cuts: readonly number[], columns: number): number[] {
  const total = rows.at(-1)?.bottom ?? 0;
  const chosen: number[] = [];
  for (let column = 1; column < columns; column++) {
    const wanted = (total * column) / columns;
    let nearest: number | undefined;
    for (const cut of cuts) {
      if (cut <= (chosen.at(-1) ?? 0)) continue;
      if (nearest === undefined || Math.abs(rows[cut]!.top - wanted) < Math.abs(rows[nearest]!.top - wanted)) {
        nearest = cut;
      }
    }
    if (nearest !== undefined) chosen.push(nearest);
  }
  return chosen;
}

function arrange(
  rows: readonly Row[],
  wires: readonly Wire[],
  cuts: readonly number[],
  gaps: LayoutGaps,
): LayoutResult {
  const columnOf = new Map<string, number>();
  const bounds = [0, ...cuts, rows.length];
  const parts = bounds.slice(1).map((end, i) => rows.slice(bounds[i], end));
  parts.forEach((part, column) => {
    for (const row of part) for (const box of row.boxes) columnOf.set(box.id, column);
  });
  const extents = parts.map(() => ({ left: Infinity, right: -Infinity }));
  const widen = (column: number, left: number, right: number): void => {
    const extent = extents[column]!;
    extent.left = Math.min(extent.left, left);
    extent.right = Math.max(extent.right, right);
  };
  parts.forEach((part, column) => {
    for (const row of part) for (const box of row.boxes) widen(column, box.x, box.x + box.width);
  });
  for (const wire of wires) {
    const column = columnOf.get(wire.from)!;
    if (column === columnOf.get(wire.to)) for (const { x } of wire.points) widen(column, x, x);
  }
  const shifts: Point[] = [];
  /** Where the wire into a column runs: in the middle of the gap in front of it. */
  const gutters: number[] = [];
  let [x, height] = [0, 0];
  parts.forEach((part, column) => {
    const { left, right } = extents[column]!;
    const top = part[0]?.top ?? 0;
    shifts.push({ x: left === Infinity ? 0 : x - left, y: -top });
    gutters.push(x - gaps.columns / 2);
    height = Math.max(height, (part.at(-1)?.bottom ?? 0) - top);
    if (left !== Infinity) x += right - left + gaps.columns;
  });
  const move = (id: string, { x: px, y: py }: Point): Point => {
    const shift = shifts[columnOf.get(id)!]!;
    // half pixels at most, so that straight wires are straight in the file too
    return { x: half(px + shift.x), y: half(py + shift.y) };
  };
  return {
    nodes: new Map(rows.flatMap((row) => row.boxes.map((box) => [box.id, move(box.id, box)] as const))),
    wires: wires.map(({ from, to, points }) => {
      const broken = columnOf.get(from) !== columnOf.get(to);
      const last = points.length - 1;
      const moved = points.map((point, i) => move(i === last ? to : from, point));
      return {
        id: `${from}→${to}`,
        from,
        to,
        points: broken ? detour(moved[0]!, moved[last]!, gutters[columnOf.get(to)!]!, gaps.ranks) : moved,
        broken,
      };
    }),
    width: Math.max(1, Math.ceil(x - gaps.columns)),
    height: Math.max(1, Math.ceil(height)),
    columns: gutters,
  };
}

const half = (value: number): number => Math.round(value * 2) / 2;

/** From the foot of one column over the gap to the head of the next. */
function detour(from: Point, to: Point, gutter: number, gap: number): Point[] {
  const [foot, head] = [from.y + gap / 2, to.y - gap / 2];
  return [from, { x: from.x, y: foot }, { x: gutter, y: foot }, { x: gutter, y: head }, { x: to.x, y: head }, to];
}
