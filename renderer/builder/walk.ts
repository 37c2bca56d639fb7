/** How the keyboard and a screen reader go through a network. Pure. */
import type { Point } from '../../engine/index.ts';
import { count, integer, plural, shape } from '../format.ts';
import type { CardView, View } from './view.ts';

/** The card that an arrow leads to: down and up along the wires, left and right to what stands beside. Null: nothing there. */
export function neighbour(
  view: View,
  places: ReadonlyMap<string, Point>,
  from: string | null,
  key: string,
): string | null {
  const ids = view.cards.map((card) => card.id);
  if (key === 'Home' || from === null || !ids.includes(from))
    return ids[key === 'ArrowUp' || key === 'End' ? ids.length - 1 : 0] ?? null;
  if (key === 'End') return ids.at(-1) ?? null;
  const here = places.get(from);
  const xOf = (id: string): number => Math.abs((places.get(id)?.x ?? 0) - (here?.x ?? 0));
  if (key === 'ArrowDown' || key === 'ArrowUp') {
    const along = view.wires.flatMap((wire) =>
      key === 'ArrowDown' ? (wire.from === from ? [wire.to] : []) : wire.to === from ? [wire.from] : [],
    );
    // the straight way first; of several, the one with the fewest steps to go
    const order = new Map(ids.map((id, i) => [id, i]));
    const nearest = (a: string, b: string): number =>
      xOf(a) - xOf(b) || Math.abs(order.get(a)! - order.get(from)!) - Math.abs(order.get(b)! - order.get(from)!);
    return along.sort(nearest)[0] ?? null;
  }
  if (!here) return null;
  const side = key === 'ArrowRight' ? 1 : -1;
  let best: { id: string; distance: number } | null = null;
  for (const id of ids) {
    const at = places.get(id);
    if (!at || (at.x - here.x) * side < 20) continue;
    const distance = Math.abs(at.x - here.x) + 3 * Math.abs(at.y - here.y);
    if (best === null || distance < best.distance) best = { id, distance };
  }
  return best?.id ?? null;
}

/** A card in one breath: what it is, what it gives and costs, what is wrong, what it reads. */
export function spoken(card: CardView, view: View): string {
  const reads = view.wires.filter((wire) => wire.to === card.id).map((wire) => wire.source);
  const from = reads.length > 0 ? `. Reads ${reads.join(' and ')}` : '';
  if (card.kind === 'block') {
    const { title, copies } = card.block;
    const times = copies.length > 1 ? `, ${copies.length} times` : '';
    const output = card.exit.outputShape ? `, gives ${shape(card.exit.outputShape)}` : '';
    const fault = card.members.find((node) => node.faults.length > 0)?.faults[0]?.message;
    return `Block ${title}${times}, ${plural(card.members.length, 'layer')} folded up, ${count(card.parameters)} parameters${output}${from}${fault ? `. ${fault}` : ''}`;
  }
  const { node } = card;
  const output = node.outputShape ? `, gives ${shape(node.outputShape)}` : '';
  const parameters = node.parameters ? `, ${integer(node.parameters)} parameters` : '';
  const fault = node.faults[0] ? `. ${node.faults[0].message}` : '';
  return `${node.title} ${node.id}${node.properties ? `, ${node.properties}` : ''}${output}${parameters}${fault}${from}`;
}
