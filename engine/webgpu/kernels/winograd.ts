import { taps, winogradMatrices, type Matrix, type WinogradMatrices } from '../../cpu/kernels/winograd/matrices.ts';
import type { ConvAttrs } from '../../ops/op.ts';
import { largestBinding } from '../memory.ts';
import type { GpuArray, GpuContext, GpuTensor } from '../kernel.ts';
import { f32 } from '../wgsl.ts';
import { each } from './each.ts';
import { gemm } from './gemm.ts';

/** The interpolation points of the cpu backend; docs/precision.md says why these. */
const matricesOf = { 2: winogradMatrices([0, 1, -1]), 4: winogradMatrices([0, 5 / 8, -5 / 8, 3 / 2, -3 / 2]) } as const;

/** A 3x3 convolution of stride 1 over images `from` [N, C, H, W], giving images `to` [N, O, H', W']. */
export interface WinogradConv {
  readonly label: string;
  readonly from: GpuTensor;
  readonly to: GpuTensor;
  readonly weight: GpuTensor;
  readonly bias: GpuTensor | undefined;
  readonly padTop: number;
  readonly padLeft: number;
  /** WGSL of the position in `weight` of tap t (0 to 8, row by row) between channels c of `from` and o of `to`. */
  readonly tap: (o: string, c: string, t: number) => string;
}

/** Whether the transforms can be used: 3x3, stride 1, no dilation, no groups. */
export function isWinograd(attrs: ConvAttrs, weight: GpuTensor): boolean {
  const [, , height, width] = weight.shape;
  return (
    height === taps &&
    width === taps &&
    [...attrs.stride, ...attrs.dilation, attrs.groups].every((value) => value === 1) &&
    attrs.pads.every((pad) => pad < taps)
  );
}

/** Row `row` of `matrix` times the values named by `of`, as an expression; coefficients 0 and 1 leave no trace. */
function dot(matrix: Matrix, row: number, of: (k: number) => string): string {
  const terms = matrix[row]!.flatMap((c, k) =>
    c === 0 ? [] : [c === 1 ? of(k) : c === -1 ? `(-${of(k)})` : `${f32(c)} * ${of(k)}`],
  );
  return terms.length === 0 ? '0.0' : terms.join(' + ');
}

/** Statements that make `to` = matrix `from` matrix^T, square arrays of numbered variables. */
function sandwich(matrix: Matrix, from: string, to: string): string {
  const [rows, columns] = [matrix.length, matrix[0]!.length];
  const lines: string[] = [];
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++)
      lines.push(`  let ${to}_half_${r}_${c} = ${dot(matrix, r, (k) => `${from}_${k}_${c}`)};`);
  }
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < rows; c++)
      lines.push(`  let ${to}_${r}_${c} = ${dot(matrix, c, (k) => `${to}_half_${r}_${k}`)};`);
  }
  return lines.join('\n');
}

const square = (size: number, line: (row: number, column: number) => string): string =>
  Array.from({ length: size * size }, (_, i) => line(Math.floor(i / size), i % size)).join('\n');

/** False where the adapter cannot bind the transformed images. */
export function winogradConv(context: GpuContext, conv: WinogradConv, tile: 2 | 4): boolean {
  const matrices = matricesOf[tile];
  const { m, n } = matrices;
  const [images, channels] = conv.from.shape as [number, number];
  const [, filters, outHeight, outWidth] = conv.to.shape as [number, number, number, number];
  const [down, across] = [Math.ceil(outHeight / m), Math.ceil(outWidth / m)];
  const tiles = images * down * across;
  const sizes = [n * n * channels * tiles, n * n * filters * tiles, n * n * filters * channels];
  if (Math.max(...sizes) * 4 > largestBinding(context.limits)) return false;
  const [values, products, factors] = sizes.map((size) => context.workspace(size)) as [GpuArray, GpuArray, GpuArray];
  transformFilters(context, conv, matrices, factors);
  transformTiles(context, conv, matrices, { down, across, tiles }, values);
  gemm(context, {
    label: `${conv.label} products`,
    read: { factors, values },
    write: { products },
    ...{ batch: n * n, m: filters, n: tiles, k: channels },
    leftFast: 'k',
    rightFast: 'n',
    functions: `
fn left_at(b: u32, m: u32) -> u32 { return (b * ${filters}u + m) * ${channels}u; }
fn left_along(b: u32, k: u32) -> u32 { return k; }
fn left(at: u32, along: u32) -> f32 { return factors(at + along); }
fn right_at(b: u32, n: u32) -> u32 { return b * ${channels * tiles}u + n; }
fn right_along(b: u32, k: u32) -> u32 { return k * ${tiles}u; }
fn right(at: u32, along: u32) -> f32 { return values(at + along); }
fn store(b: u32, m: u32, n: u32, value: f32) { products[(b * ${filters}u + m) * ${tiles}u + n] = value; }`,
  });
  each(context, filters * tiles, {
    label: `${conv.label} images`,
    read: { products, bias: conv.bias },
    emit: { images: conv.to },
    body: `
  let o = i / ${tiles}u;
  let p = i % ${tiles}u;
  let image = p / ${down * across}u;
  let top = p / ${across}u % ${down}u * ${m}u;
  let left_edge = p % ${across}u * ${m}u;
${square(n, (r, c) => `  let v_${r}_${c} = products(${r * n + c}u * ${filters * tiles}u + i);`)}
${sandwich(matrices.outputs, 'v', 'y')}
  let origin = (image * ${filters}u + o) * ${outHeight}u;
${square(m, (r, c) => {
  const inside = [
    ...(r > 0 && outHeight % m !== 0 ? [`top + ${r}u < ${outHeight}u`] : []),
    ...(c > 0 && outWidth % m !== 0 ? [`left_edge + ${c}u < ${outWidth}u`] : []),
  ].join(' && ');
  const emit = `emit_images((origin + top + ${r}u) * ${outWidth}u + left_edge + ${c}u, y_${r}_${c}${conv.bias ? ' + bias(o)' : ''});`;
  return inside === '' ? `  ${emit}` : `  if (${inside}) { ${emit} }`;
})}`,
  });
  return true;
}

/** [n * n, O, C]: G g G^T of every filter. */
function transformFilters(
  context: GpuContext,
  conv: WinogradConv,
  { n, filter }: WinogradMatrices,
  factors: GpuArray,
): void {
  const [channels, filters] = [conv.from.shape[1]!, conv.to.shape[1]!];
  each(context, filters * channels, {
    label: `${conv.label} filters`,
    read: { weight: conv.weight },
    write: { factors },
    body: `
  let o = i / ${channels}u;
  let c = i % ${channels}u;
${square(taps, (r, c) => `  let g_${r}_${c} = weight(${conv.tap('o', 'c', r * taps + c)});`)}
${sandwich(filter, 'g', 'u')}
${square(n, (r, c) => `  factors[${r * n + c}u * ${filters * channels}u + i] = u_${r}_${c};`)}`,
  });
}

interface Tiles {
  readonly down: number;
  readonly across: number;
  readonly tiles: number;
}

/** [n * n, C, tiles]: B^T d B of every tile of n x n pixels, which overlap by two. */
function transformTiles(
  context: GpuContext,
  { label, from, padTop, padLeft }: WinogradConv,
  { m, n, inputs }: WinogradMatrices,
  { down, across, tiles }: Tiles,
  values: GpuArray,
): void {
  const [, channels, height, width] = from.shape as [number, number, number, number];
  each(context, channels * tiles, {
    label: `${label} tiles`,
    read: { source: from },
    write: { values },
    functions: `
fn pixel_at(plane: i32, h: i32, w: i32) -> f32 {
  if (h < 0 || h >= ${height} || w < 0 || w >= ${width}) { return 0.0; }
  return source(u32((plane * ${height} + h) * ${width} + w));
}`,
    body: `
  let c = i / ${tiles}u;
  let p = i % ${tiles}u;
  let plane = i32(p / ${down * across}u * ${channels}u + c);
  let top = i32(p / ${across}u % ${down}u * ${m}u) - ${padTop};
  let left_edge = i32(p % ${across}u * ${m}u) - ${padLeft};
${square(n, (r, c) => `  let d_${r}_${c} = pixel_at(plane, top + ${r}, left_edge + ${c});`)}
${sandwich(inputs, 'd', 'v')}
${square(n, (r, c) => `  values[${r * n + c}u * ${channels * tiles}u + i] = v_${r}_${c};`)}`,
  });
}
