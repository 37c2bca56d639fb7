/** Where cards stand that people have moved by hand, and how wires run between them. Pure geometry. */
import type { LayoutResult, Point } from '../../engine/index.ts';

export interface Placed {
  readonly id: string;
  readonly inputs: readonly string[];
  readonly width: number;
  readonly height: number;
  /** Where a hand has put it; undefined: nowhere yet. */
  readonly position: Point | undefined;
}

const gap = { x: 40, y: 36 };

/**
 * Keeps every card where it was put. One without a place (it was inserted since) goes under what it reads, and what stands
 * below it and depends on it moves down to make room.
 */
export function keepPlaces(cards: readonly Placed[]): LayoutResult {
  const boxes = new Map<string, { x: number; y: number; width: number; height: number }>();
  const readers = new Map<string, string[]>();
  for (const card of cards) {
    for (const id of card.inputs) {
      const list = readers.get(id);
      if (list) list.push(card.id);
      else readers.set(id, [card.id]);
    }
    if (card.position) boxes.set(card.id, { ...card.position, width: card.width, height: card.height });
  }
  let open = cards.filter((card) => !card.position);
  while (open.length > 0) {
    const ready = open.filter((card) =>
      card.inputs.every((id) => boxes.has(id) || !open.some((each) => each.id === id)),
    );
    const batch = ready.length > 0 ? ready : open.slice(0, 1);
    for (const card of batch) put(card, boxes, readers);
    const done = new Set(batch.map((card) => card.id));
    open = open.filter((card) => !done.has(card.id));
  }
  const all = [...boxes.values()];
  const wires = cards.flatMap((card) =>
    [...new Set(card.inputs)].flatMap((input) => {
      const [from, to] = [boxes.get(input), boxes.get(card.id)];
      if (!from || !to || input === card.id) return [];
      return [{ id: `${input}→${card.id}`, from: input, to: card.id, ...route(from, to, all) }];
    }),
  );
  return {
    nodes: new Map([...boxes].map(([id, { x, y }]) => [id, { x, y }])),
    wires,
    width: Math.max(1, ...all.map((box) => box.x + box.width)),
    height: Math.max(1, ...all.map((box) => box.y + box.height)),
    columns: [-Infinity],
  };
}

type Box = { x: number; y: number; width: number; height: number };

function put(card: Placed, boxes: Map<string, Box>, readers: ReadonlyMap<string, readonly string[]>): void {
  const sources = card.inputs.flatMap((id) => boxes.get(id) ?? []);
  const bottom = [...boxes.values()].reduce((most, box) => Math.max(most, box.y + box.height), 0);
  const first = sources[0];
  const x = first ? sources.reduce((sum, box) => sum + box.x + box.width / 2, 0) / sources.length - card.width / 2 : 0;
  const y = first ? Math.max(...sources.map((box) => box.y + box.height)) + gap.y : boxes.size > 0 ? bottom + gap.y : 0;
  const box = { x, y, width: card.width, height: card.height };
  // what reads it, directly or not, and would now stand over or beside it
  const below = new Set<string>();
  const queue = [...(readers.get(card.id) ?? [])];
  for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
    if (below.has(id)) continue;
    below.add(id);
    queue.push(...(readers.get(id) ?? []));
  }
  const nearest = [...below].reduce((least, id) => Math.min(least, boxes.get(id)?.y ?? Infinity), Infinity);
  const shift = y + card.height + gap.y - nearest;
  if (Number.isFinite(shift) && shift > 0 && nearest >= y - gap.y) {
    for (const id of below) {
      const each = boxes.get(id);
      if (each) each.y += shift;
    }
  }
  for (let tries = 0; tries < 50; tries++) {
    const hit = [...boxes.values()].find((each) => overlaps(each, box));
    if (!hit) break;
    box.x = hit.x + hit.width + gap.x;
  }
  boxes.set(card.id, box);
}

const overlaps = (a: Box, b: Box): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

/** Straight down where nothing is in the way, else around it; upwards over the gap beside. */
export function route(from: Box, to: Box, boxes: readonly Box[]): { points: Point[]; broken: boolean } {
  const start = { x: from.x + from.width / 2, y: from.y + from.height };
  const end = { x: to.x + to.width / 2, y: to.y };
  if (end.y < start.y + 8) {
    const right = Math.max(from.x + from.width, to.x + to.width) + 20;
    const between =
      from.x > to.x + to.width
        ? (from.x + to.x + to.width) / 2
        : to.x > from.x + from.width
          ? (to.x + from.x + from.width) / 2
          : right;
    const [foot, head] = [start.y + 16, end.y - 16];
    return {
      points: [
        start,
        { x: start.x, y: foot },
        { x: between, y: foot },
        { x: between, y: head },
        { x: end.x, y: head },
        end,
      ],
      broken: true,
    };
  }
  const hits = boxes.filter((box) => box !== from && box !== to && crosses(start, end, box));
  if (hits.length === 0) return { points: [start, end], broken: false };
  const right = Math.max(...hits.map((box) => box.x + box.width)) + 20;
  const left = Math.min(...hits.map((box) => box.x)) - 20;
  const middle = (start.x + end.x) / 2;
  const x = right - middle <= middle - left ? right : left;
  const [top, bottom] = [Math.min(...hits.map((box) => box.y)), Math.max(...hits.map((box) => box.y + box.height))];
  return {
    points: [start, { x, y: Math.max(top, start.y + 10) }, { x, y: Math.min(bottom, end.y - 10) }, end],
    broken: false,
  };
}

/** Whether the way from one point down to another passes through a box. */
function crosses(a: Point, b: Point, box: Box): boolean {
  const [top, bottom] = [Math.max(a.y, box.y), Math.min(b.y, box.y + box.height)];
  if (top >= bottom) return false;
  const at = (y: number): number => a.x + ((b.x - a.x) * (y - a.y)) / (b.y - a.y || 1);
  const [x1, x2] = [at(top), at(bottom)];
  return Math.max(x1, x2) > box.x - 4 && Math.min(x1, x2) < box.x + box.width + 4;
}

/** Cards put in line or spread evenly; the places of all others stay. */
export function align(
  boxes: readonly (Box & { readonly id: string })[],
  how: 'left' | 'centre' | 'top' | 'spreadDown' | 'spreadAcross',
): Map<string, Point> {
  const left = Math.min(...boxes.map((box) => box.x));
  const top = Math.min(...boxes.map((box) => box.y));
  const middle = boxes.reduce((sum, box) => sum + box.x + box.width / 2, 0) / boxes.length;
  const places = new Map<string, Point>();
  if (how === 'spreadDown' || how === 'spreadAcross') {
    const down = how === 'spreadDown';
    const sorted = [...boxes].sort((a, b) => (down ? a.y - b.y : a.x - b.x));
    const size = (box: Box): number => (down ? box.height : box.width);
    const place = (box: Box): number => (down ? box.y : box.x);
    const whole = place(sorted.at(-1)!) + size(sorted.at(-1)!) - place(sorted[0]!);
    const used = sorted.reduce((sum, box) => sum + size(box), 0);
    const space = Math.max(down ? gap.y : gap.x, (whole - used) / Math.max(1, sorted.length - 1));
    let at = place(sorted[0]!);
    for (const box of sorted) {
      places.set(box.id, down ? { x: box.x, y: at } : { x: at, y: box.y });
      at += size(box) + space;
    }
    return places;
  }
  for (const box of boxes) {
    if (how === 'left') places.set(box.id, { x: left, y: box.y });
    else if (how === 'centre') places.set(box.id, { x: middle - box.width / 2, y: box.y });
    else places.set(box.id, { x: box.x, y: top });
  }
  return places;
}
