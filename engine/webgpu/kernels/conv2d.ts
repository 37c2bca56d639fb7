import type { ConvAttrs } from '../../ops/op.ts';
import type { Shape } from '../../tensor.ts';
import type { GpuKernel } from '../kernel.ts';
import { channelSums } from './channels.ts';
import { each } from './each.ts';
import { gemm } from './gemm.ts';
import { isWinograd, winogradConv } from './winograd.ts';

/** Extents, as numbers and as WGSL that finds its way in x [N, C, H, W], weight [O, C/groups, kH, kW] and y [N, O, H', W']. */
interface Geometry {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly filters: number;
  readonly groupChannels: number;
  readonly groupFilters: number;
  readonly taps: number;
  readonly kernelWidth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly functions: string;
}

function geometryOf(attrs: ConvAttrs, x: Shape, weight: Shape, y: Shape): Geometry {
  const [batch, channels, height, width] = x as [number, number, number, number];
  const [filters, groupChannels, kernelHeight, kernelWidth] = weight as [number, number, number, number];
  const [, , outHeight, outWidth] = y as [number, number, number, number];
  const [strideH, strideW] = attrs.stride;
  const [dilationH, dilationW] = attrs.dilation;
  const [padTop, padLeft] = attrs.pads;
  const functions = `
/** Position of the pixel of plane (n, c) that tap (kh, kw) of output (oh, ow) sees; -1 in the padding. */
fn pixel(n: u32, c: u32, kh: u32, kw: u32, oh: u32, ow: u32) -> i32 {
  let h = i32(oh * ${strideH}u + kh * ${dilationH}u) - ${padTop};
  let w = i32(ow * ${strideW}u + kw * ${dilationW}u) - ${padLeft};
  if (h < 0 || h >= ${height} || w < 0 || w >= ${width}) { return -1; }
  return (i32(n * ${channels}u + c) * ${height} + h) * ${width} + w;
}
/** Position of the output of plane (n, o) that sees pixel (h, w) with tap (kh, kw); -1: none does. */
fn viewer(n: u32, o: u32, kh: u32, kw: u32, h: u32, w: u32) -> i32 {
  let top = i32(h) + ${padTop} - i32(kh * ${dilationH}u);
  let left_edge = i32(w) + ${padLeft} - i32(kw * ${dilationW}u);
  if (top < 0 || left_edge < 0) { return -1; }
  if (top % ${strideH} != 0 || left_edge % ${strideW} != 0) { return -1; }
  let oh = top / ${strideH};
  let ow = left_edge / ${strideW};
  if (oh >= ${outHeight} || ow >= ${outWidth}) { return -1; }
  return (i32(n * ${filters}u + o) * ${outHeight} + oh) * ${outWidth} + ow;
}`;
  return {
    ...{ batch, channels, height, width, filters, groupChannels, kernelWidth, outHeight, outWidth, functions },
    groupFilters: filters / attrs.groups,
    taps: kernelHeight * kernelWidth,
  };
}

/** A group with so few rows of a product is computed value by value: a tile would have nothing to share. */
const fewRows = 2;

const padded = (array: string, at: string): string => `
  let at = ${at};
  if (at < 0) { return 0.0; }
  return ${array}(u32(at));`;

export const conv2d: GpuKernel<'conv2d'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const weight = context.tensor(inputs.weight);
  const bias = context.optional(inputs.bias);
  const y = context.tensor(outputs.y);
  const [padTop, padLeft] = attrs.pads;
  const { winograd } = context.tuning;
  if (winograd !== 0 && isWinograd(attrs, weight)) {
    const channels = x.shape[1]!;
    const tap = (o: string, c: string, t: number): string => `(${o} * ${channels}u + ${c}) * 9u + ${t}u`;
    if (winogradConv(context, { label: 'conv2d', from: x, to: y, weight, bias, padTop, padLeft, tap }, winograd))
      return;
  }
  const g = geometryOf(attrs, x.shape, weight.shape, y.shape);
  const places = g.outHeight * g.outWidth;
  const k = g.groupChannels * g.taps;
  const read = { x, weight, bias };
  const functions = `${g.functions}
/** The pixel under tap k of a filter in group b at output place p of image n. */
fn seen(b: u32, k: u32, n: u32, p: u32) -> f32 {
  let tap = k % ${g.taps}u;
  ${padded('x', `pixel(n, b * ${g.groupChannels}u + k / ${g.taps}u, tap / ${g.kernelWidth}u, tap % ${g.kernelWidth}u, p / ${g.outWidth}u, p % ${g.outWidth}u)`)}
}`;
  if (g.groupFilters <= fewRows) {
    each(context, y.size, {
      label: 'conv2d direct',
      read,
      emit: { y },
      functions,
      body: `
  let o = i / ${places}u % ${g.filters}u;
  let n = i / ${places * g.filters}u;
  var sum = 0.0;
  for (var k = 0u; k < ${k}u; k++) {
    sum += seen(o / ${g.groupFilters}u, k, n, i % ${places}u) * weight(o * ${k}u + k);
  }
  emit_y(i, sum${bias ? ' + bias(o)' : ''});`,
    });
    return;
  }
  gemm(context, {
    label: 'conv2d',
    read,
    emit: { y },
    ...{ batch: attrs.groups, m: g.groupFilters, n: g.batch * places, k, leftFast: 'k', rightFast: 'n' },
    functions: `${functions}
fn left(b: u32, m: u32, k: u32) -> f32 { return weight((b * ${g.groupFilters}u + m) * ${k}u + k); }
fn right(b: u32, k: u32, n: u32) -> f32 { return seen(b, k, n / ${places}u, n % ${places}u); }
fn store(b: u32, m: u32, n: u32, value: f32) {
  let o = b * ${g.groupFilters}u + m;
  emit_y((n / ${places}u * ${g.filters}u + o) * ${places}u + n % ${places}u, value${bias ? ' + bias(o)' : ''});
}`,
  });
};

export const conv2dGradInput: GpuKernel<'conv2dGradInput'> = ({ attrs, inputs, outputs }, context) => {
  const dy = context.tensor(inputs.dy);
  const weight = context.tensor(inputs.weight);
  const dx = context.tensor(outputs.dx);
  const { winograd } = context.tuning;
  if (winograd !== 0 && isWinograd(attrs, weight)) {
    const [padTop, padLeft] = [2 - attrs.pads[0], 2 - attrs.pads[1]];
    const channels = dx.shape[1]!;
    // the way back runs through the filters turned by half a turn
    const tap = (c: string, o: string, t: number): string => `(${o} * ${channels}u + ${c}) * 9u + ${8 - t}u`;
    const conv = { label: 'conv2dGradInput', from: dy, to: dx, weight, bias: undefined, padTop, padLeft, tap };
    if (winogradConv(context, conv, winograd)) return;
  }
  const g = geometryOf(attrs, dx.shape, weight.shape, dy.shape);
  const places = g.height * g.width;
  const k = g.groupFilters * g.taps;
  const functions = `${g.functions}
/** The gradient that reaches place p of image n through tap k of group b: k counts its filters and their taps. */
fn reached(b: u32, k: u32, n: u32, p: u32) -> f32 {
  let tap = k % ${g.taps}u;
  ${padded('dy', `viewer(n, b * ${g.groupFilters}u + k / ${g.taps}u, tap / ${g.kernelWidth}u, tap % ${g.kernelWidth}u, p / ${g.width}u, p % ${g.width}u)`)}
}
fn factor(b: u32, c: u32, k: u32) -> f32 {
  let o = b * ${g.groupFilters}u + k / ${g.taps}u;
  return weight((o * ${g.groupChannels}u + c) * ${g.taps}u + k % ${g.taps}u);
}`;
  if (g.groupChannels <= fewRows) {
    each(context, dx.size, {
      label: 'conv2dGradInput direct',
      read: { dy, weight },
      emit: { dx },
      functions,
      body: `
  let c = i / ${places}u % ${g.channels}u;
  let n = i / ${places * g.channels}u;
  let b = c / ${g.groupChannels}u;
  var sum = 0.0;
  for (var k = 0u; k < ${k}u; k++) { sum += reached(b, k, n, i % ${places}u) * factor(b, c % ${g.groupChannels}u, k); }
  emit_dx(i, sum);`,
    });
    return;
  }
  gemm(context, {
    label: 'conv2dGradInput',
    read: { dy, weight },
    emit: { dx },
    ...{ batch: attrs.groups, m: g.groupChannels, n: g.batch * places, k, leftFast: 'm', rightFast: 'n' },
    functions: `${functions}
fn left(b: u32, m: u32, k: u32) -> f32 { return factor(b, m, k); }
fn right(b: u32, k: u32, n: u32) -> f32 { return reached(b, k, n / ${places}u, n % ${places}u); }
fn store(b: u32, m: u32, n: u32, value: f32) {
  let c = b * ${g.groupChannels}u + m;
  emit_dx((n / ${places}u * ${g.channels}u + c) * ${places}u + n % ${places}u, value);
}`,
  });
};

export const conv2dGradWeight: GpuKernel<'conv2dGradWeight'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const dy = context.tensor(inputs.dy);
  const dweight = context.tensor(outputs.dweight);
  const dbias = context.optional(outputs.dbias);
  const g = geometryOf(attrs, x.shape, dweight.shape, dy.shape);
  const places = g.outHeight * g.outWidth;
  const n = g.groupChannels * g.taps;
  gemm(context, {
    label: 'conv2dGradWeight',
    read: { x, dy },
    emit: { dweight },
    ...{ batch: attrs.groups, m: g.groupFilters, n, k: g.batch * places, leftFast: 'k', rightFast: 'k' },
    functions: `${g.functions}
fn left(b: u32, m: u32, k: u32) -> f32 {
  return dy((k / ${places}u * ${g.filters}u + b * ${g.groupFilters}u + m) * ${places}u + k % ${places}u);
}
fn right(b: u32, k: u32, n: u32) -> f32 {
  let tap = n % ${g.taps}u;
  let p = k % ${places}u;
  ${padded('x', `pixel(k / ${places}u, b * ${g.groupChannels}u + n / ${g.taps}u, tap / ${g.kernelWidth}u, tap % ${g.kernelWidth}u, p / ${g.outWidth}u, p % ${g.outWidth}u)`)}
}
fn store(b: u32, m: u32, n: u32, value: f32) { emit_dweight((b * ${g.groupFilters}u + m) * ${n}u + n, value); }`,
  });
  if (dbias) channelSums(context, 'conv2dGradWeight bias', dy, dbias);
};
