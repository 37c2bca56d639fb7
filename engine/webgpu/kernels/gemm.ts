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

const vectorType = { 1: 'f32', 2: 'vec2f', 4: 'vec4f' } as const;
const typeOf = (width: number): string => vectorType[width as 1 | 2 | 4];
const lane = (vector: string, width: number, index: number): string =>
  width === 1 ? vector : `${vector}.${'xyzw'[index]!}`;
const list = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join('\n');

/** One operand's tile in workgroup memory, as vectors along m or n, and how invocations load and read it. */
interface Tile {
  /** Declarations: the tile, and a function that loads one vector of it. */
  readonly functions: string;
  /** Statements that load the invocation's vectors of the tile that begins at `k`; what lies outside the matrix is 0. */
  load(k: string): string;
  /** Statements that put what was loaded into the tile. */
  readonly keep: string;
  /** Statements that read the invocation's own values of row `kk` of the tile. */
  readonly read: string;
  /** Vectors of own values. */
  readonly vectors: number;
  /** Where lane i of vector v of the own values lies in the tile. */
  place(v: number | string, i: number | string): string;
  readonly width: number;
}

interface TileOptions {
  readonly name: 'left' | 'right';
  /** Extent of the tile, of the matrix, and of an invocation's share, along m or n. */
  readonly across: number;
  readonly whole: number;
  readonly own: number;
  readonly depth: number;
  readonly threads: number;
  /** Whether neighbours lie side by side along k. */
  readonly alongK: boolean;
  /** Whether every tile lies within the sum. */
  readonly isFull: boolean;
  readonly call: (position: string, k: string) => string;
}

function tileOf({ name, across, whole, own, depth, threads, alongK, isFull, call }: TileOptions): Tile {
  const width = Math.min(own, 4);
  const type = typeOf(width);
  const line = across / width;
  // Invocations that follow each other along k put their vectors a line apart: one more keeps those in different banks.
  const stride = line + (alongK ? 1 : 0);
  const count = line * depth;
  const each = Math.ceil(count / threads);
  const isWhole = whole % across === 0;
  const vectors = own / width;
  const apart = across / vectors;
  const place = (e: string): [kk: string, v: string] =>
    alongK ? [`(${e} % ${depth}u)`, `(${e} / ${depth}u)`] : [`(${e} / ${line}u)`, `(${e} % ${line}u)`];
  const within = (e: number, text: string): string =>
    (e + 1) * threads <= count ? text : `if (lid + ${e * threads}u < ${count}u) { ${text} }`;
  return {
    width,
    vectors,
    functions: `
var<workgroup> ${name}_tile: array<${type}, ${stride * depth}>;
fn load_${name}(b: u32, p: u32, k: u32, k_end: u32) -> ${type} {
  var value = ${type}();
  ${isFull ? '' : 'if (k >= k_end) { return value; }'}
${list(width, (i) => {
  const at = i === 0 ? 'p' : `p + ${i}u`;
  const set = `${lane('value', width, i)} = ${call(at, 'k')};`;
  return isWhole ? `  ${set}` : `  if (${at} < ${whole}u) { ${set} }`;
})}
  return value;
}`,
    load: (k) =>
      list(each, (e) => {
        const [kk, v] = place(`(lid + ${e * threads}u)`);
        return within(e, `${name}_${e} = load_${name}(b, ${name}_origin + ${v} * ${width}u, ${k} + ${kk}, k_end);`);
      }),
    keep: list(each, (e) => {
      const [kk, v] = place(`(lid + ${e * threads}u)`);
      return within(e, `${name}_tile[${kk} * ${stride}u + ${v}] = ${name}_${e};`);
    }),
    read: list(
      vectors,
      (v) => `      let ${name[0]}${v} = ${name}_tile[kk * ${stride}u + ${(v * apart) / width}u + own_${name}];`,
    ),
    place: (v, i) => `${name}_origin + ${v} * ${apart}u + own_${name} * ${width}u + ${i}`,
  };
}

/** A block of results per invocation, each by itself. */
function blocks(context: GpuContext, spec: Gemm): void {
  const { label, batch, m, n, k, read, emit, write, functions } = spec;
  const { own } = context.tuning;
  const [rows, columns] = [Math.min(own, m), Math.min(own, n)];
  const [down, across] = [Math.ceil(m / rows), Math.ceil(n / columns)];
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

/**
 * Tiled product with a block of results per invocation; a long sum of few results is split and added up in order. While a tile is
 * computed with, the next one is on its way.
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
  const left = tileOf({
    ...{ ...both, name: 'left', across: rows, whole: m, own: ownRows, alongK: spec.leftFast === 'k' },
    call: (p, kk) => `left(b, ${p}, ${kk})`,
  });
  const right = tileOf({
    ...{ ...both, name: 'right', across: columns, whole: n, own: ownColumns, alongK: spec.rightFast === 'k' },
    call: (p, kk) => `right(b, ${kk}, ${p})`,
  });
  const put = split
    ? `sums[((part * ${batch}u + b) * ${m}u + row) * ${n}u + column] = value;`
    : 'store(b, row, column, value);';
  const vector = typeOf(right.width);
  const sumNames = Array.from({ length: ownRows * right.vectors }, (_, i) => `sum${i}`);
  const loaded = (tile: 'left' | 'right', width: number, extent: number): string =>
    list(Math.ceil(((extent / width) * depth) / threads), (e) => `  var ${tile}_${e} = ${typeOf(width)}();`);
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
${loaded('left', left.width, rows)}
${loaded('right', right.width, columns)}
${left.load('k_begin')}
${right.load('k_begin')}
  for (var k0 = k_begin; k0 < k_end; k0 += ${depth}u) {
    ${left.keep}
    ${right.keep}
    workgroupBarrier();
    if (k0 + ${depth}u < k_end) {
${left.load(`k0 + ${depth}u`)}
${right.load(`k0 + ${depth}u`)}
    }
    for (var kk = 0u; kk < ${depth}u; kk++) {
${left.read}
${right.read}
${sumNames
  .map((name, at) => {
    const [row, h] = [Math.floor(at / right.vectors), at % right.vectors];
    return `      ${name} += ${lane(`l${Math.floor(row / left.width)}`, left.width, row % left.width)} * r${h};`;
  })
  .join('\n')}
    }
    workgroupBarrier();
  }
  var results = array<${vector}, ${sumNames.length}>(${sumNames.join(', ')});
  for (var i = 0u; i < ${ownRows}u; i++) {
    let row = ${left.place(`(i / ${left.width}u)`, `i % ${left.width}u`)};
    for (var h = 0u; h < ${right.vectors}u; h++) {
      for (var j = 0u; j < ${right.width}u; j++) {
        put(b, part, row, ${right.place('h', 'j')}, results[i * ${right.vectors}u + h]${right.width === 1 ? '' : '[j]'});
      }
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
