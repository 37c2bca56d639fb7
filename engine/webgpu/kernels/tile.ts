/** WGSL of matrix tiles in workgroup memory. */
const vectorType = { 1: 'f32', 2: 'vec2f', 4: 'vec4f' } as const;
export const typeOf = (width: number): string => vectorType[width as 1 | 2 | 4];
export const lane = (vector: string, width: number, index: number): string =>
  width === 1 ? vector : `${vector}.${'xyzw'[index]!}`;
export const lines = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => line(i)).join('\n');

/** One operand's tile in workgroup memory, as vectors along m or n, and how invocations load and read it. */
interface Tile {
  readonly functions: string;
  /** Statements before the sum: where the invocation's vectors lie. */
  readonly begin: string;
  /** Statements that load the invocation's vectors of the tile at `k0`; what lies outside the matrix is 0. */
  readonly load: string;
  /** Statements that put what was loaded into the tile. */
  readonly keep: string;
  /** The statement that reads the invocation's own values of row `kk` of the tile. */
  readonly read: string;
}

interface TileOptions {
  readonly name: 'left' | 'right';
  /** Whether neighbours lie side by side along k. */
  readonly alongK: boolean;
  /** Extent of the tile, of the matrix, and of an invocation's share, along m or n. */
  readonly across: number;
  readonly whole: number;
  readonly own: number;
  readonly depth: number;
  readonly threads: number;
  /** Whether every tile lies within the sum. */
  readonly isFull: boolean;
}

export function tileOf({ name, alongK, across, whole, own, depth, threads, isFull }: TileOptions): Tile {
  const type = typeOf(own);
  const line = across / own;
  // Invocations that follow each other along k put their vectors a line apart: one more keeps those in different banks.
  const stride = line + (alongK ? 1 : 0);
  const count = line * depth;
  const each = Math.ceil(count / threads);
  const isWhole = whole % across === 0;
  const [kk, v] = alongK ? [`% ${depth}u`, `/ ${depth}u`] : [`/ ${line}u`, `% ${line}u`];
  const vector = (e: number): string => `(lid + ${e * threads}u)`;
  const within = (e: number, text: string): string =>
    (e + 1) * threads <= count ? text : `if (lid + ${e * threads}u < ${count}u) { ${text} }`;
  const first = (e: number): string => `${name}_origin + ${vector(e)} ${v} * ${own}u`;
  return {
    functions: `var<workgroup> ${name}_tile: array<${type}, ${stride * depth}>;`,
    begin: lines(each, (e) =>
      [
        `  var ${name}_${e} = ${type}();`,
        ...Array.from({ length: own }, (_, i) => {
          const at = i === 0 ? first(e) : `${first(e)} + ${i}u`;
          return `  let ${name}_at_${e}_${i} = ${name}_at(b, ${isWhole ? at : `min(${at}, ${whole - 1}u)`});`;
        }),
      ].join('\n'),
    ),
    load: lines(each, (e) => {
      const lanes = Array.from({ length: own }, (_, i) => `${name}(${name}_at_${e}_${i}, along)`);
      const value = own === 1 ? lanes[0]! : `${type}(${lanes.join(', ')})`;
      const inside = Array.from({ length: own }, (_, i) => `${first(e)} + ${i}u < ${whole}u`);
      const mask = own === 1 ? inside[0]! : `vec${own}<bool>(${inside.join(', ')})`;
      const set = `let along = ${name}_along(b, k); ${name}_${e} = ${isWhole ? value : `select(${type}(), ${value}, ${mask})`};`;
      const guarded = isFull ? set : `if (k < k_end) { ${set} } else { ${name}_${e} = ${type}(); }`;
      return within(e, `{ let k = k0 + ${vector(e)} ${kk}; ${guarded} }`);
    }),
    keep: lines(each, (e) =>
      within(e, `${name}_tile[${vector(e)} ${kk} * ${stride}u + ${vector(e)} ${v}] = ${name}_${e};`),
    ),
    read: `let own_${name}_values = ${name}_tile[kk * ${stride}u + own_${name}];`,
  };
}
