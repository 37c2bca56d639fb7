import type { GpuArray, GpuContext, GpuTensor } from '../kernel.ts';
import { largestBinding } from '../memory.ts';
import { each } from './each.ts';

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
  /**
   * Declares `left(b, m, k)`, `right(b, k, n)` (f32, asked for inside the matrices only) and `store(b, m, n, value)`; all
   * positions are u32.
   */
  readonly functions: string;
  /** Along which index neighbours lie side by side in memory: invocations that follow each other load along it. */
  readonly leftFast: 'm' | 'k';
  readonly rightFast: 'k' | 'n';
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

const largestSplit = 64;

function shapeOf({ batch, m, n, k }: Gemm, { tuning, limits }: GpuContext): Shape {
  let rows = Math.min(powerOfTwoFrom(m), tuning.tile);
  let columns = Math.min(powerOfTwoFrom(n), tuning.tile * (rows <= tuning.tile / 4 ? 2 : 1));
  const groupsOf = (): number => batch * Math.ceil(m / rows) * Math.ceil(n / columns);
  const invocations = (): number => (rows / Math.min(rows, tuning.own)) * (columns / Math.min(columns, tuning.own));
  while (Math.max(rows, columns) > 16 && groupsOf() < tuning.busyGroups) {
    if (rows >= columns) rows /= 2;
    else columns /= 2;
  }
  let depth = Math.min(tuning.depth, powerOfTwoFrom(k));
  while (depth > 4 && (rows + columns) * depth * 4 > limits.maxComputeWorkgroupStorageSize) depth /= 2;
  const tooLarge = (): boolean =>
    invocations() > limits.maxComputeInvocationsPerWorkgroup ||
    (rows + columns) * depth * 4 > limits.maxComputeWorkgroupStorageSize;
  while (tooLarge() && Math.max(rows, columns) > 1) {
    if (rows >= columns) rows /= 2;
    else columns /= 2;
  }
  const wanted = Math.ceil(tuning.busyGroups / groupsOf());
  // all parts' results lie in one binding until they are added up
  const room = Math.floor(largestBinding(limits) / (4 * batch * m * n));
  const parts = Math.max(1, Math.min(wanted, Math.floor(k / (4 * depth)), largestSplit, room));
  const partLength = Math.ceil(Math.ceil(k / parts) / depth) * depth;
  return {
    rows,
    columns,
    own: [Math.min(rows, tuning.own), Math.min(columns, tuning.own)],
    depth,
    parts: Math.ceil(k / partLength),
    partLength,
  };
}

const vectorType = { 1: 'f32', 2: 'vec2f', 4: 'vec4f' } as const;
const typeOf = (width: number): string => vectorType[width as 1 | 2 | 4];
const lane = (vector: string, width: number, index: number): string =>
  width === 1 ? vector : `${vector}.${'xyzw'[index]!}`;

/** Loads one tile into workgroup memory as vectors along m or n; what lies outside the matrix is 0. */
function loadTile(
  tile: string,
  width: number,
  across: number,
  depth: number,
  threads: number,
  fast: boolean,
  value: (position: string, k: string) => string,
  limit: number,
): string {
  const vectors = across / width;
  const count = vectors * depth;
  const [k, v] = fast ? ['e % DEPTHu', 'e / DEPTHu'] : ['e / VECTORSu', 'e % VECTORSu'];
  // one call in a loop that compilers unroll: what it calls is long, and some compile every copy of it
  const lanes =
    width === 1
      ? `if (p < ${limit}u) { value = ${value('p', 'k')}; }`
      : `for (var j = 0u; j < ${width}u; j++) {
          if (p + j < ${limit}u) { value[j] = ${value('p + j', 'k')}; }
        }`;
  return `
    for (var e = lid; e < ${count}u; e += ${threads}u) {
      let kk = ${k};
      let v = ${v};
      let k = k0 + kk;
      let p = ${tile}_origin + v * ${width}u;
      var value = ${typeOf(width)}();
      if (k < k_end) {
        ${lanes}
      }
      ${tile}[kk * VECTORSu + v] = value;
    }`
    .replaceAll('DEPTH', String(depth))
    .replaceAll('VECTORS', String(vectors));
}

/** A block of results per invocation, each by itself. */
function blocks(context: GpuContext, spec: Gemm): void {
  const { label, batch, m, n, k, read, emit, write, functions } = spec;
  const { own } = context.tuning;
  const [rows, columns] = [Math.min(own, m), Math.min(own, n)];
  const [down, across] = [Math.ceil(m / rows), Math.ceil(n / columns)];
  const list = (count: number, line: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => line(i)).join('\n');
  const cells = (line: (row: number, column: number) => string): string =>
    list(rows * columns, (at) => line(Math.floor(at / columns), at % columns));
  each(context, batch * down * across, {
    label,
    read,
    ...(emit && { emit }),
    ...(write && { write }),
    functions,
    body: `
  let b = i / ${down * across}u;
${list(rows, (r) => `  let row${r} = min(i / ${across}u % ${down}u * ${rows}u + ${r}u, ${m - 1}u);`)}
${list(columns, (c) => `  let column${c} = min(i % ${across}u * ${columns}u + ${c}u, ${n - 1}u);`)}
${cells((r, c) => `  var sum${r}${c} = 0.0;`)}
  for (var k = 0u; k < ${k}u; k++) {
${list(rows, (r) => `    let l${r} = left(b, row${r}, k);`)}
${list(columns, (c) => `    let r${c} = right(b, k, column${c});`)}
${cells((r, c) => `    sum${r}${c} += l${r} * r${c};`)}
  }
  // at the edge some are the same value twice
${cells((r, c) => `  store(b, row${r}, column${c}, sum${r}${c});`)}`,
  });
}

/** Tiled product with a block of results per invocation; a long sum of few results is split and added up in order. */
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
  const perRow = (count: number, line: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => line(i)).join('\n');
  const put = split
    ? `sums[((part * ${batch}u + b) * ${m}u + row) * ${n}u + column] = value;`
    : 'store(b, row, column, value);';
  const body = `
  let b = group / ${tilesM * tilesN * parts}u;
  let part = group / ${tilesM * tilesN}u % ${parts}u;
  let left_tile_origin = group / ${tilesN}u % ${tilesM}u * ${rows}u;
  let right_tile_origin = group % ${tilesN}u * ${columns}u;
  let own_row = lid / ${across}u;
  let own_column = lid % ${across}u;
  let k_begin = part * ${partLength}u;
  let k_end = min(k_begin + ${partLength}u, ${k}u);
${perRow(ownRows, (i) => `  var sum${i} = ${typeOf(ownColumns)}();`)}
  for (var k0 = k_begin; k0 < k_end; k0 += ${depth}u) {${loadTile('left_tile', ownRows, rows, depth, threads, spec.leftFast === 'k', (p, kk) => `left(b, ${p}, ${kk})`, m)}${loadTile('right_tile', ownColumns, columns, depth, threads, spec.rightFast === 'k', (p, kk) => `right(b, ${kk}, ${p})`, n)}
    workgroupBarrier();
    for (var kk = 0u; kk < ${depth}u; kk++) {
      let l = left_tile[kk * ${rows / ownRows}u + own_row];
      let r = right_tile[kk * ${across}u + own_column];
${perRow(ownRows, (i) => `      sum${i} += ${lane('l', ownRows, i)} * r;`)}
    }
    workgroupBarrier();
  }
  var results = array<${typeOf(ownColumns)}, ${ownRows}>(${Array.from({ length: ownRows }, (_, i) => `sum${i}`).join(', ')});
  for (var i = 0u; i < ${ownRows}u; i++) {
    for (var j = 0u; j < ${ownColumns}u; j++) {
      put(b, part, left_tile_origin + own_row * ${ownRows}u + i, right_tile_origin + own_column * ${ownColumns}u + j, results[i]${ownColumns === 1 ? '' : '[j]'});
    }
  }`;
  context.dispatch({
    label,
    read,
    ...(split ? { write: { sums } } : result),
    functions: `
var<workgroup> left_tile: array<${typeOf(ownRows)}, ${(rows / ownRows) * depth}>;
var<workgroup> right_tile: array<${typeOf(ownColumns)}, ${across * depth}>;
${split ? operands(spec.functions) : spec.functions}
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
