import type { ConvAttrs } from '../../ops/op.ts';
import type { Shape } from '../../tensor.ts';
import type { GpuKernel } from '../kernel.ts';
import { channelSums } from './channels.ts';
import { each } from './each.ts';
import { gemm } from './gemm.ts';
import { isWinograd, winogradConv } from './winograd.ts';

/** Extents of x [N, C, H, W], weight [O, C/groups, kH, kW] and y [N, O, H', W'], and WGSL that finds its way in them. */
interface Geometry {
  readonly batch: number;
  readonly channels: number;
  readonly filters: number;
  readonly groupChannels: number;
  readonly groupFilters: number;
  readonly taps: number;
  /** Places of a plane of x and of y. */
  readonly pixels: number;
  readonly places: number;
  /**
   * `view(p)`: the pixel under the first tap at output place p, as (position in the plane, row, column), which may lie in the padding.
   * `tap_offset(t)`: how far tap t is from there. `x_at(place)`: the pixel at the sum of both, 0 in the padding.
   */
  readonly forward: string;
  /**
   * `reach(p)`: the output place that sees pixel p with the first tap, in steps of one pixel, and `tap_offset(t)`. `dy_at(origin, tap)`:
   * the gradient of the output that sees it with that tap, 0 where none does.
   */
  readonly backward: string;
}

function geometryOf(attrs: ConvAttrs, x: Shape, weight: Shape, y: Shape): Geometry {
  const [batch, channels, height, width] = x as [number, number, number, number];
  const [filters, groupChannels, kernelHeight, kernelWidth] = weight as [number, number, number, number];
  const [, , outHeight, outWidth] = y as [number, number, number, number];
  const [strideH, strideW] = attrs.stride;
  const [dilationH, dilationW] = attrs.dilation;
  const [padTop, padLeft] = attrs.pads;
  const tapOf = (line: number): string => `
fn tap_offset(t: u32) -> vec3i {
  let row = i32(t / ${kernelWidth}u) * ${dilationH};
  let column = i32(t % ${kernelWidth}u) * ${dilationW};
  return vec3i(row * ${line} + column, row, column);
}`;
  const outside = `place.y < 0 || place.y >= ${height} || place.z < 0 || place.z >= ${width}`;
  const forward = `${tapOf(width)}
fn view(p: u32) -> vec3i {
  let row = i32(p / ${outWidth}u * ${strideH}u) - ${padTop};
  let column = i32(p % ${outWidth}u * ${strideW}u) - ${padLeft};
  return vec3i(row * ${width} + column, row, column);
}
fn x_at(place: vec3i) -> f32 {
  ${attrs.pads.every((pad) => pad === 0) ? '' : `if (${outside}) { return 0.0; }`}
  return x(u32(place.x));
}`;
  const isDense = strideH === 1 && strideW === 1;
  const backward = `${tapOf(outWidth)}
fn reach(p: u32) -> vec3i {
  let row = i32(p / ${width}u) + ${padTop};
  let column = i32(p % ${width}u) + ${padLeft};
  return vec3i(${isDense ? `row * ${outWidth} + column` : '0'}, row, column);
}
fn dy_at(origin: vec3i, tap: vec3i) -> f32 {
  let row = origin.y - tap.y;
  let column = origin.z - tap.z;
  if (row < 0 || column < 0) { return 0.0; }
  ${isDense ? '' : `if (row % ${strideH} != 0 || column % ${strideW} != 0) { return 0.0; }`}
  if (row >= ${outHeight * strideH} || column >= ${outWidth * strideW}) { return 0.0; }
  return dy(u32(${isDense ? 'origin.x - tap.x' : `origin.x - tap.x + row / ${strideH} * ${outWidth} + column / ${strideW}`}));
}`;
  return {
    ...{ batch, channels, filters, groupChannels, forward, backward },
    groupFilters: filters / attrs.groups,
    taps: kernelHeight * kernelWidth,
    pixels: height * width,
    places: outHeight * outWidth,
  };
}

/** A group with so few rows of a product is computed value by value: a tile would have nothing to share. */
const fewRows = 2;

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
  const { places } = g;
  const k = g.groupChannels * g.taps;
  const read = { x, weight, bias };
  const functions = `${g.forward}
fn left_at(b: u32, m: u32) -> u32 { return (b * ${g.groupFilters}u + m) * ${k}u; }
fn left_along(b: u32, k: u32) -> u32 { return k; }
fn left(at: u32, along: u32) -> f32 { return weight(at + along); }
/** Columns are the output places of all images, rows the taps of a group's channels. */
fn right_at(b: u32, n: u32) -> vec3i {
  let seen = view(n % ${places}u);
  return vec3i(seen.x + i32(n / ${places}u) * ${g.channels * g.pixels}, seen.yz);
}
fn right_along(b: u32, k: u32) -> vec3i {
  let tap = tap_offset(k % ${g.taps}u);
  return vec3i(tap.x + i32(b * ${g.groupChannels}u + k / ${g.taps}u) * ${g.pixels}, tap.yz);
}
fn right(at: vec3i, along: vec3i) -> f32 { return x_at(at + along); }`;
  if (g.groupFilters <= fewRows) {
    each(context, y.size, {
      label: 'conv2d direct',
      read,
      emit: { y },
      functions,
      body: `
  let o = i / ${places}u % ${g.filters}u;
  let b = o / ${g.groupFilters}u;
  let row = left_at(b, o % ${g.groupFilters}u);
  let column = right_at(b, i / ${places * g.filters}u * ${places}u + i % ${places}u);
  var sum = 0.0;
  for (var k = 0u; k < ${k}u; k++) { sum += right(column, right_along(b, k)) * left(row, left_along(b, k)); }
  emit_y(i, sum${bias ? ' + bias(o)' : ''});`,
    });
    return;
  }
  gemm(context, {
    label: 'conv2d',
    read,
    emit: { y },
    ...{ batch: attrs.groups, m: g.groupFilters, n: g.batch * places, k },
    leftFast: 'k',
    rightFast: 'n',
    functions: `${functions}
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
  const { pixels } = g;
  const k = g.groupFilters * g.taps;
  const functions = `${g.backward}
/** Rows are the channels of a group, and k counts its filters and their taps. */
fn left_at(b: u32, m: u32) -> u32 { return m * ${g.taps}u; }
fn left_along(b: u32, k: u32) -> u32 {
  return (b * ${g.groupFilters}u + k / ${g.taps}u) * ${g.groupChannels * g.taps}u + k % ${g.taps}u;
}
fn left(at: u32, along: u32) -> f32 { return weight(at + along); }
fn right_at(b: u32, n: u32) -> vec3i {
  let origin = reach(n % ${pixels}u);
  return vec3i(origin.x + i32(n / ${pixels}u) * ${g.filters * g.places}, origin.yz);
}
fn right_along(b: u32, k: u32) -> vec3i {
  let tap = tap_offset(k % ${g.taps}u);
  let plane = i32(b * ${g.groupFilters}u + k / ${g.taps}u) * ${g.places};
  return vec3i(${attrs.stride.every((step) => step === 1) ? 'tap.x' : '0'} - plane, tap.yz);
}
fn right(at: vec3i, along: vec3i) -> f32 { return dy_at(at, along); }`;
  if (g.groupChannels <= fewRows) {
    each(context, dx.size, {
      label: 'conv2dGradInput direct',
      read: { dy, weight },
      emit: { dx },
      functions,
      body: `
  let c = i / ${pixels}u % ${g.channels}u;
  let b = c / ${g.groupChannels}u;
  let row = left_at(b, c % ${g.groupChannels}u);
  let column = right_at(b, i / ${pixels * g.channels}u * ${pixels}u + i % ${pixels}u);
  var sum = 0.0;
  for (var k = 0u; k < ${k}u; k++) { sum += right(column, right_along(b, k)) * left(row, left_along(b, k)); }
  emit_dx(i, sum);`,
    });
    return;
  }
  gemm(context, {
    label: 'conv2dGradInput',
    read: { dy, weight },
    emit: { dx },
    ...{ batch: attrs.groups, m: g.groupChannels, n: g.batch * pixels, k },
    leftFast: 'm',
    rightFast: 'n',
    functions: `${functions}
fn store(b: u32, m: u32, n: u32, value: f32) {
  let c = b * ${g.groupChannels}u + m;
  emit_dx((n / ${pixels}u * ${g.channels}u + c) * ${pixels}u + n % ${pixels}u, value);
}`,
  });
};

export const conv2dGradWeight: GpuKernel<'conv2dGradWeight'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const dy = context.tensor(inputs.dy);
  const dweight = context.tensor(outputs.dweight);
  const dbias = context.optional(outputs.dbias);
  const g = geometryOf(attrs, x.shape, dweight.shape, dy.shape);
  const { places } = g;
  const n = g.groupChannels * g.taps;
  gemm(context, {
    label: 'conv2dGradWeight',
    read: { x, dy },
    emit: { dweight },
    ...{ batch: attrs.groups, m: g.groupFilters, n, k: g.batch * places },
    leftFast: 'k',
    rightFast: 'k',
    functions: `${g.forward}
fn left_at(b: u32, m: u32) -> u32 { return (b * ${g.groupFilters}u + m) * ${places}u; }
fn left_along(b: u32, k: u32) -> u32 { return k / ${places}u * ${g.filters * places}u + k % ${places}u; }
fn left(at: u32, along: u32) -> f32 { return dy(at + along); }
fn right_at(b: u32, n: u32) -> vec3i {
  let tap = tap_offset(n % ${g.taps}u);
  return vec3i(tap.x + i32(b * ${g.groupChannels}u + n / ${g.taps}u) * ${g.pixels}, tap.yz);
}
fn right_along(b: u32, k: u32) -> vec3i {
  let seen = view(k % ${places}u);
  return vec3i(seen.x + i32(k / ${places}u) * ${g.channels * g.pixels}, seen.yz);
}
fn right(at: vec3i, along: vec3i) -> f32 { return x_at(at + along); }
fn store(b: u32, m: u32, n: u32, value: f32) { emit_dweight((b * ${g.groupFilters}u + m) * ${n}u + n, value); }`,
  });
  if (dbias) channelSums(context, 'conv2dGradWeight bias', dy, dbias);
};
