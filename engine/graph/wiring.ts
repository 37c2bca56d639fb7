import type { Fault } from '../errors.ts';
import type { ReadNode } from './read.ts';
import { quote, suggestion } from './words.ts';

/** Who reads whom, by place in the list. */
export interface Wiring {
  /** Places that each node reads; -1 stands for one that is not there. */
  readonly inputs: readonly (readonly number[])[];
  /** Places that read each node. */
  readonly readers: readonly (readonly number[])[];
  /** Every place, inputs first; in list order as far as that allows. Nodes on a cycle are left out. */
  readonly order: readonly number[];
  /** False if anything was wrong, so that what depends on the whole (the output) is not worth telling. */
  readonly sound: boolean;
}

/** Looking for a similar id costs as much as there are ids; a broken giant gets fewer suggestions. */
const mostSuggestions = 20;

/** Resolves ids, and tells missing nodes, loops and cycles. */
export function wire(nodes: readonly ReadNode[], faults: Fault[]): Wiring {
  const places = new Map<string, number>();
  let sound = true;
  for (const { id, place } of nodes) {
    if (id === undefined || places.has(id)) sound = false;
    else places.set(id, place);
  }
  const ids = [...places.keys()];
  let suggestions = 0;
  const inputs = nodes.map((node) => {
    if (!node.wired) sound = false;
    if (node.inputs === undefined) {
      if (!node.wired || node.layer === 'input' || node.place === 0) return [];
      return [node.place - 1];
    }
    return node.inputs.map((id) => {
      const place = places.get(id);
      if (place === node.place) {
        faults.push(at(node, `${node.name} reads itself; a layer reads the ones before it.`));
      } else if (place === undefined) {
        const near = suggestions++ < mostSuggestions ? ids : [];
        const hint = suggestion(id, near, 'add it, or read another node.');
        faults.push(at(node, `${node.name} reads ${quote(id)}, which is not in the model; ${hint}`));
      } else {
        return place;
      }
      sound = false;
      return -1;
    });
  });
  const readers: number[][] = nodes.map(() => []);
  inputs.forEach((read, place) => {
    for (const input of new Set(read)) if (input >= 0) readers[input]!.push(place);
  });
  const order = topologicalOrder(inputs, readers);
  if (order.length < nodes.length) {
    sound = false;
    for (const cycle of cyclesOf(inputs, order)) {
      const names = cycle.map((place) => nodes[place]!.name);
      const shown = names.length > 8 ? [...names.slice(0, 4), '…', ...names.slice(-3)] : names;
      const path = [...shown, names[0]!].join(' → ');
      faults.push(at(nodes[cycle[0]!]!, `${path} is a cycle; take out one of these connections.`));
    }
  }
  return { inputs, readers, order, sound };
}

const at = ({ id }: ReadNode, message: string): Fault => (id === undefined ? { message } : { node: id, message });

/** Inputs before readers; among those that are ready, the first of the list. Whatever reads a cycle is left out too. */
function topologicalOrder(inputs: Wiring['inputs'], readers: Wiring['readers']): number[] {
  const waiting = inputs.map((read) => new Set(read.filter((place) => place >= 0)).size);
  const ready = new Heap();
  waiting.forEach((count, place) => {
    if (count === 0) ready.push(place);
  });
  const order: number[] = [];
  for (let place = ready.pop(); place !== undefined; place = ready.pop()) {
    order.push(place);
    for (const reader of readers[place]!) if (--waiting[reader]! === 0) ready.push(reader);
  }
  return order;
}

/** One cycle for every group of nodes that reach each other, in the direction of the data. */
function cyclesOf(inputs: Wiring['inputs'], order: readonly number[]): number[][] {
  const left = new Set(inputs.keys());
  for (const place of order) left.delete(place);
  const cycles: number[][] = [];
  // Every node that is left over reads another one of them, so walking along the inputs ends in a cycle.
  const done = new Set<number>();
  for (const start of left) {
    const path: number[] = [];
    const position = new Map<number, number>();
    let place: number | undefined = start;
    while (place !== undefined && !done.has(place) && !position.has(place)) {
      position.set(place, path.length);
      path.push(place);
      place = inputs[place]!.find((input) => left.has(input));
    }
    if (place !== undefined && position.has(place)) cycles.push(rotated(path.slice(position.get(place)).reverse()));
    for (const each of path) done.add(each);
  }
  return cycles;
}

/** The cycle from its first node in the list. */
function rotated(cycle: number[]): number[] {
  const start = cycle.indexOf(Math.min(...cycle.slice(0, 10_000)));
  return [...cycle.slice(start), ...cycle.slice(0, start)];
}

/** A binary heap of numbers, smallest first. */
class Heap {
  readonly #items: number[] = [];

  push(item: number): void {
    const items = this.#items;
    let i = items.length;
    items.push(item);
    while (i > 0) {
      const parent = (i - 1) >>> 1;
      if (items[parent]! <= item) break;
      items[i] = items[parent]!;
      i = parent;
    }
    items[i] = item;
  }

  pop(): number | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1]! < items[child]!) child++;
      if (items[child]! >= last) break;
      items[i] = items[child]!;
      i = child;
    }
    items[i] = last;
    return top;
  }
}
