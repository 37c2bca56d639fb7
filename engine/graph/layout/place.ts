import type { Cell, Layers } from './ranks.ts';

const sweeps = 6;
/** A bend gives way to a card: a chain of layers stays straight and the wire around it bulges. */
const bendWeight = 1e-6;

/** Orders the cells of each rank so that wires cross little, and gives every cell its centre along the rank. */
export function place({ rows }: Layers, gap: number): void {
  for (const row of rows) row.forEach((cell, i) => (cell.order = i));
  if (rows.some((row) => row.length > 1)) {
    for (let sweep = 0; sweep < sweeps; sweep++) {
      const down = sweep % 2 === 0;
      for (const row of down ? rows : [...rows].reverse()) reorder(row, down);
    }
  }
  const sorted = rows.map((row) => [...row].sort((a, b) => a.order - b.order));
  for (const row of sorted) settle(row, gap, () => undefined);
  for (const row of sorted) settle(row, gap, (cell) => wish(cell.above));
  for (const row of [...sorted].reverse()) settle(row, gap, (cell) => wish(cell.below));
  for (const row of sorted) settle(row, gap, (cell) => wish(cell.above) ?? wish(cell.below));
}

/** By the mean place of the neighbours on one side; who has none there keeps its place. */
function reorder(row: readonly Cell[], down: boolean): void {
  if (row.length < 2) return;
  const weights = row.map((cell) => {
    const neighbours = down ? cell.above : cell.below;
    // bends go to the right of the layers they pass, so that a skip connection always runs on the same side
    const side = cell.source === undefined ? 0.25 : 0;
    const mean = neighbours.reduce((sum, each) => sum + each.order, 0) / neighbours.length;
    return { cell, key: (neighbours.length === 0 ? cell.order : mean) + side };
  });
  weights.sort((a, b) => a.key - b.key || a.cell.order - b.cell.order);
  weights.forEach(({ cell }, i) => (cell.order = i));
}

/** Where a cell would like to stand: in the middle of its neighbours, bends hardly counted. */
function wish(neighbours: readonly Cell[]): number | undefined {
  let [sum, weight] = [0, 0];
  for (const { source, x } of neighbours) {
    const own = source === undefined ? bendWeight : 1;
    sum += own * x;
    weight += own;
  }
  return weight === 0 ? undefined : sum / weight;
}

/**
 * Puts a rank's cells as near to their wishes as the gaps allow: the least weighted squares under "each to the right of the one
 * before", which pooling adjacent violators solves in one pass (Barlow et al., Statistical inference under order restrictions, 1972).
 */
function settle(row: readonly Cell[], gap: number, wished: (cell: Cell) => number | undefined): void {
  const offsets: number[] = [];
  let offset = 0;
  row.forEach((cell, i) => {
    if (i > 0) offset += row[i - 1]!.width / 2 + gap + cell.width / 2;
    offsets.push(offset);
  });
  const pools: { value: number; weight: number; size: number }[] = [];
  row.forEach((cell, i) => {
    let pool = {
      value: (wished(cell) ?? cell.x) - offsets[i]!,
      weight: cell.source === undefined ? bendWeight : 1,
      size: 1,
    };
    for (let last = pools.at(-1); last !== undefined && last.value > pool.value; last = pools.at(-1)) {
      pools.pop();
      const weight = last.weight + pool.weight;
      pool = {
        value: (last.value * last.weight + pool.value * pool.weight) / weight,
        weight,
        size: last.size + pool.size,
      };
    }
    pools.push(pool);
  });
  let at = 0;
  for (const { value, size } of pools) {
    for (const end = at + size; at < end; at++) row[at]!.x = value + offsets[at]!;
  }
}
