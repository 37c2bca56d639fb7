import type { GpuArray, GpuContext, GpuTensor } from '../kernel.ts';
import { largestBinding } from '../memory.ts';
import { each } from './each.ts';
import { lane, lines, tileOf, typeOf } from './tile.ts';

/**
 * A batch of matrix products C = A B, whose operands are functions of their position: that makes a plain product of the
 * linear layer's three passes, and an implicit one of the convolution's.
 */
export interface Gemm {
  readonly label: string;
  readonly read: Readonly<Record<string, GpuArray | undefined>>;
  /** The result, which `store` hands to `emit_<name>`. */
  readonly emit?: Readonly<Record<string, GpuTensor>>;
  /** Instead: a result that `store` writes itself. */
  readonly write?: Readonly<Record<string, GpuArray>>;
  /** Products in the batch. */
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Along which index neighbours lie side by side in memory: invocations that follow each other load along it. */
  readonly leftFast: 'm' | 'k';
  readonly rightFast: 'k' | 'n';
  /**
   * Declares `left_at(b, m)` and `left_along(b, k)`, the two halves of the way to an element, of whatever type, each worked out once for
   * many elements; `left(at, along)`, the element there (f32); the same for `right` with n; and last `store(b, m, n, value)`. b, m, n
   * and k are u32, and nothing outside the matrices is asked for.
   */
  readonly functions: string;
}

const powerOfTwoFrom = (value: number): number => 2 ** Math.ceil(Math.log2(Math.max(value, 1)));

/** Tile of a workgroup, rows and columns of an invocation in it, and into how many parts the sum is split. */
interface Shape {
  readonly rows: number;
  readonly columns: number;
  readonly own: readonly [rows: number, columns: number];
  readonly depth: number;
  readonly parts: number;
  /** Length of a part, a multiple of the depth. */
  readonly partLength: number;
}

const largestSplit = 128;
/** Tiles that a part of a split sum goes through at least: a second dispatch has to add the parts up. */
const leastTiles = 8;
/** Invocations of a workgroup below which a device computes with part of its lanes. */
const leastInvocations = 64;
const leastExtent = 16;

function shapeOf({ batch, m, n, k }: Gemm, { tuning, limits }: GpuContext): Shape {
  const { busyGroups } = tuning;
  // a tile that is narrow one way may be the longer the other way
  const area = tuning.tile ** 2;
  const longest = 4 * tuning.tile;
  let rows = Math.min(powerOfTwoFrom(m), tuning.tile);
  let columns = Math.min(powerOfTwoFrom(n), area / rows, longest);
  rows = Math.min(powerOfTwoFrom(m), area / columns, longest);
  let depth = Math.min(tuning.depth, powerOfTwoFrom(k));
  const groupsOf = (): number => batch * Math.ceil(m / rows) * Math.ceil(n / columns);
  // all parts' results lie in one binding until they are added up
  const room = Math.floor(largestBinding(limits) / (4 * batch * m * n));
  const most = Math.max(1, Math.min(Math.floor(k / (leastTiles * depth)), largestSplit, room));
  const halve = (): void => {
    if (rows >= columns) rows /= 2;
    else columns /= 2;
  };
  // long sums are split first: small tiles load much for what they compute
  while (Math.max(rows, columns) > leastExtent && groupsOf() * most < busyGroups) halve();
  const bytes = (): number => (rows + columns + 8) * depth * 4;
  while (depth > 4 && bytes() > limits.maxComputeWorkgroupStorageSize) depth /= 2;
  const ownOf = (): [number, number] => {
    const own: [number, number] = [Math.min(rows, tuning.own), Math.min(columns, tuning.own)];
    while ((rows / own[0]) * (columns / own[1]) < leastInvocations && own[0] * own[1] > 1)
      own[own[0] >= own[1] ? 0 : 1] /= 2;
    return own;
  };
  const tooLarge = (): boolean => {
    const [ownRows, ownColumns] = ownOf();
    const invocations = (rows / ownRows) * (columns / ownColumns);
    return invocations > limits.maxComputeInvocationsPerWorkgroup || bytes() > limits.maxComputeWorkgroupStorageSize;
  };
  while (tooLarge() && Math.max(rows, columns) > 1) halve();
  const wanted = Math.min(Math.ceil(busyGroups / groupsOf()), most);
  const partLength = Math.ceil(Math.ceil(k / wanted) / depth) * depth;
  return { rows, columns, own: ownOf(), depth, parts: Math.ceil(k / partLength), partLength };
}

/** A block of results per invocation, each by itself. */
function blocks(context: GpuContext, spec: Gemm): void {
  const { label, batch, m, n, k, read, emit, write, functions } = spec;
  const { own } = context.tuning;
  const [rows, columns] = [Math.min(own, m), Math.min(own, n)];
  const [down, across] = [Math.ceil(m / rows), Math.ceil(n / columns)];
  const cells = (line: (row: number, column: number) => string): string =>
    lines(rows * columns, (at) => line(Math.floor(at / columns), at % columns));
  each(context, batch * down * across, {
    label,
    read,
    ...(emit && { emit }),
    ...(write && { write }),
    functions,
    body: `
  let b = i / ${down * across}u;
${lines(
  rows,
  (r) => `  let row${r} = min(i / ${across}u % ${down}u * ${rows}u + ${r}u, ${m - 1}u);
  let left_at${r} = left_at(b, row${r});`,
)}
${lines(
  columns,
  (c) => `  let column${c} = min(i % ${across}u * ${columns}u + ${c}u, ${n - 1}u);
  let right_at${c} = right_at(b, column${c});`,
)}
${cells((r, c) => `  var sum${r}${c} = 0.0;`)}
  for (var k = 0u; k < ${k}u; k++) {
    let left_along_k = left_along(b, k);
    let right_along_k = right_along(b, k);
${lines(rows, (r) => `    let l${r} = left(left_at${r}, left_along_k);`)}
${lines(columns, (c) => `    let r${c} = right(right_at${c}, right_along_k);`)}
${cells((r, c) => `    sum${r}${c} += l${r} * r${c};`)}
  }
  // at the edge some are the same value twice
${cells((r, c) => `  store(b, row${r}, column${c}, sum${r}${c});`)}`,
  });
}

/**
 * Tiled product with a block of results per invocation; a long sum of few results is split and added up in order. A round of the
 * loop asks for a tile, computes with the one before while that is on its way, and keeps it for the next round.
 */
export function gemm(context: GpuContext, spec: Gemm): void {
  const { label, batch, m, n, k, read } = spec;
  const result = { ...(spec.emit && { emit: spec.emit }), ...(spec.write && { write: spec.write }) };
  if (batch * m * n === 0) return;
  if (!context.tuning.shared) {
    blocks(context, spec);
    return;
  }
  const { rows, columns, own, depth, parts, partLength } = shapeOf(spec, context);
  const [ownRows, ownColumns] = own;
  const threads = (rows / ownRows) * (columns / ownColumns);
  const tilesM = Math.ceil(m / rows);
  const tilesN = Math.ceil(n / columns);
  const across = columns / ownColumns;
  const split = parts > 1;
  const sums = split ? context.workspace(parts * batch * m * n) : undefined;
  const both = { depth, threads, isFull: k % depth === 0 };
  const left = tileOf({ ...both, name: 'left', alongK: spec.leftFast === 'k', across: rows, whole: m, own: ownRows });
  const right = tileOf({
    ...both,
    name: 'right',
    alongK: spec.rightFast === 'k',
    across: columns,
    whole: n,
    own: ownColumns,
  });
  const put = split
    ? `sums[((part * ${batch}u + b) * ${m}u + row) * ${n}u + column] = value;`
    : 'store(b, row, column, value);';
  const vector = typeOf(ownColumns);
  const sumNames = Array.from({ length: ownRows }, (_, i) => `sum${i}`);
  const body = `
  let b = group / ${tilesM * tilesN * parts}u;
  let part = group / ${tilesM * tilesN}u % ${parts}u;
  let left_origin = group / ${tilesN}u % ${tilesM}u * ${rows}u;
  let right_origin = group % ${tilesN}u * ${columns}u;
  let own_left = lid / ${across}u;
  let own_right = lid % ${across}u;
  let k_begin = part * ${partLength}u;
  let k_end = min(k_begin + ${partLength}u, ${k}u);
${sumNames.map((name) => `  var ${name} = ${vector}();`).join('\n')}
${left.begin}
${right.begin}
  for (var k0 = k_begin;; k0 += ${depth}u) {
    if (k0 < k_end) {
${left.load}
${right.load}
    }
    if (k0 > k_begin) {
      for (var kk = 0u; kk < ${depth}u; kk++) {
        ${left.read}
        ${right.read}
${sumNames.map((name, row) => `        ${name} += ${lane('own_left_values', ownRows, row)} * own_right_values;`).join('\n')}
      }
    }
    if (k0 >= k_end) { break; }
    workgroupBarrier();
    ${left.keep}
    ${right.keep}
    workgroupBarrier();
  }
  var results = array<${vector}, ${ownRows}>(${sumNames.join(', ')});
  for (var i = 0u; i < ${ownRows}u; i++) {
    for (var j = 0u; j < ${ownColumns}u; j++) {
      put(b, part, left_origin + own_left * ${ownRows}u + i, right_origin + own_right * ${ownColumns}u + j, results[i]${ownColumns === 1 ? '' : '[j]'});
    }
  }`;
  context.dispatch({
    label,
    read,
    ...(split ? { write: { sums } } : result),
    functions: `
${split ? operands(spec.functions) : spec.functions}
${left.functions}
${right.functions}
fn put(b: u32, part: u32, row: u32, column: u32, value: f32) {
  if (row < ${m}u && column < ${n}u) { ${put} }
}`,
    body,
    threads,
    groups: tilesM * tilesN * parts * batch,
  });
  if (sums === undefined) return;
  each(context, batch * m * n, {
    label: `${label} sums`,
    read: { ...read, sums },
    ...result,
    functions: stores(spec.functions),
    body: `
  var sum = sums(i);
  for (var part = 1u; part < ${parts}u; part++) { sum += sums(part * ${batch * m * n}u + i); }
  store(i / ${m * n}u, i / ${n}u % ${m}u, i % ${n}u, sum);`,
  });
}

/** The functions in front of `store`, and `store` with those it needs: a split product loads in one dispatch and stores in the other. */
const storeMark = 'fn store(';
const operands = (functions: string): string => functions.slice(0, functions.indexOf(storeMark));
const stores = (functions: string): string => functions.slice(functions.indexOf(storeMark));
