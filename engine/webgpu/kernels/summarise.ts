import { compareSlot, statisticSlot } from '../../ops/op.ts';
import { sizeOf } from '../../tensor.ts';
import type { GpuArray, GpuContext, GpuKernel, GpuTensor } from '../kernel.ts';
import { f32, infinities, sumAll } from '../wgsl.ts';
import { each } from './each.ts';

/** Declares what a value is by its bits, and the key by which unsigned words order as the floats do. */
const values = `${infinities}
fn is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }
fn not_a_number() -> f32 { return bitcast<f32>(infinity_bits | 0x00400000u); }
fn key_of(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
}
fn value_of(key: u32) -> f32 { return bitcast<f32>(select(~key, key & 0x7fffffffu, (key & 0x80000000u) != 0u)); }`;

const slotsPerSlice = 7;
const mostSlices = 64;

interface Slices {
  readonly slices: number;
  readonly length: number;
}

function slicesOf(context: GpuContext, size: number): Slices {
  const wanted = Math.max(1, Math.min(mostSlices, Math.ceil(size / (context.tuning.rowThreads * 16))));
  const length = Math.ceil(size / wanted);
  return { slices: Math.ceil(size / length), length };
}

const loop = ({ length }: Slices, size: number, threads: number, statements: string): string => `
  for (var i = group * ${length}u + lid; i < min((group + 1u) * ${length}u, ${size}u); i += ${threads}u) {
    ${statements}
  }`;

/** Mean, squared distances, extremes and counts of each slice, then of all, slice by slice in order. */
function statisticsOf(context: GpuContext, x: GpuTensor, statistics: GpuTensor, range: readonly number[] | null): void {
  const threads = context.tuning.rowThreads;
  const cut = slicesOf(context, x.size);
  const parts = context.workspace(cut.slices * slotsPerSlice);
  context.dispatch({
    label: 'summarise slices',
    read: { x },
    write: { parts },
    functions: `${values}${sumAll(context.tuning)}
var<workgroup> lows: array<f32, ${threads}>;
var<workgroup> highs: array<f32, ${threads}>;`,
    body: `
  var count = 0.0;
  var zeros = 0.0;
  var sum = 0.0;
  var power = 0.0;
  var low = infinity();
  var high = minus_infinity();${loop(
    cut,
    x.size,
    threads,
    `let v = x(i);
    if (is_finite(v)) {
      count += 1.0;
      sum += v;
      power += v * v;
      if (v == 0.0) { zeros += 1.0; }
      if (v < low) { low = v; }
      if (v > high) { high = v; }
    }`,
  )}
  lows[lid] = low;
  highs[lid] = high;
  let all = sum_all(lid, count);
  let all_zeros = sum_all(lid, zeros);
  let mean = sum_all(lid, sum) / max(all, 1.0);
  let all_power = sum_all(lid, power);
  var squares = 0.0;${loop(cut, x.size, threads, 'let v = x(i); if (is_finite(v)) { squares += (v - mean) * (v - mean); }')}
  let all_squares = sum_all(lid, squares);
  if (lid != 0u) { return; }
  for (var j = 1u; j < ${threads}u; j++) {
    if (lows[j] < low) { low = lows[j]; }
    if (highs[j] > high) { high = highs[j]; }
  }
  let at = group * ${slotsPerSlice}u;
  parts[at] = all;
  parts[at + 1u] = mean;
  parts[at + 2u] = all_squares;
  parts[at + 3u] = all_zeros;
  parts[at + 4u] = low;
  parts[at + 5u] = high;
  parts[at + 6u] = all_power;`,
    threads,
    groups: cut.slices,
  });
  const put = (slot: keyof typeof statisticSlot, value: string): string =>
    `statistics[${statisticSlot[slot]}u] = ${value};`;
  const edges =
    range === null
      ? `var left_edge = -0.5;
  var right_edge = 0.5;
  if (low < high) {
    left_edge = low;
    right_edge = high;
  } else if (low == high) {
    let reach = max(0.5, abs(low) * ${f32(1e-6)});
    left_edge = low - reach;
    right_edge = low + reach;
  }`
      : `let left_edge = ${f32(range[0]!)};
  let right_edge = ${f32(range[1]!)};`;
  each(context, 1, {
    label: 'summarise',
    read: { parts },
    write: { statistics },
    functions: values,
    body: `
  var count = 0.0;
  var mean = 0.0;
  var squares = 0.0;
  var zeros = 0u;
  var finite = 0u;
  var low = infinity();
  var high = minus_infinity();
  var power = 0.0;
  for (var s = 0u; s < ${cut.slices}u; s++) {
    let at = s * ${slotsPerSlice}u;
    let more = parts(at);
    if (more == 0.0) { continue; }
    let distance = parts(at + 1u) - mean;
    let all = count + more;
    mean += distance * (more / all);
    squares += parts(at + 2u) + distance * distance * (count * more / all);
    count = all;
    finite += u32(more);
    zeros += u32(parts(at + 3u));
    if (parts(at + 4u) < low) { low = parts(at + 4u); }
    if (parts(at + 5u) > high) { high = parts(at + 5u); }
    power += parts(at + 6u);
  }
  ${edges}
  let complete = finite == ${x.size}u;
  ${put('mean', 'select(not_a_number(), mean, complete)')}
  ${put('std', `select(not_a_number(), sqrt(squares / ${f32(x.size)}), complete)`)}
  ${put('norm', 'select(not_a_number(), sqrt(power), complete)')}
  ${put('minimum', 'low')}
  ${put('maximum', 'high')}
  ${put('zeros', `f32(zeros) / ${f32(x.size)}`)}
  ${put('nonFinite', `f32(${x.size}u - finite) / ${f32(x.size)}`)}
  ${put('low', 'left_edge')}
  ${put('high', 'right_edge')}`,
  });
}

const digits = 256;

/**
 * The value at each place of the sorted values, found digit by digit from the top: counts of the next eight bits among the
 * values that share the bits so far say which digit the place falls on. Counts are whole numbers, so their order does not matter.
 */
function percentilesOf(
  context: GpuContext,
  x: GpuTensor,
  statistics: GpuTensor,
  percentiles: GpuTensor,
  wanted: readonly number[],
): void {
  const count = wanted.length;
  const places = context.constants(Int32Array.from(wanted, (p) => Math.floor(((x.size - 1) * p) / 100)));
  const counts: GpuArray = { ...context.workspace(count * digits), dtype: 'i32' };
  // of each percentile: the bits found so far and its place among the values that share them
  const found: GpuArray = { ...context.workspace(2 * count), dtype: 'i32' };
  for (const shift of [24, 16, 8, 0]) {
    const isFirst = shift === 24;
    each(context, count * digits, { label: 'summarise percentiles', write: { counts }, body: '  counts[i] = 0;' });
    each(context, x.size, {
      label: 'summarise percentiles',
      read: { x, found: isFirst ? undefined : found },
      atomic: { counts },
      functions: values,
      body: `
  let key = key_of(x(i));
  for (var p = 0u; p < ${count}u; p++) {
    ${isFirst ? '' : `if ((key >> ${shift + 8}u) != bitcast<u32>(found(2u * p))) { continue; }`}
    atomicAdd(&counts[p * ${digits}u + ((key >> ${shift}u) & 255u)], 1);
  }`,
    });
    each(context, count, {
      label: 'summarise percentiles',
      read: { counts, places, statistics: shift === 0 ? statistics : undefined },
      update: { found },
      ...(shift === 0 ? { write: { percentiles } } : {}),
      functions: values,
      body: `
  var place = ${isFirst ? 'places(i)' : 'found[2u * i + 1u]'};
  var digit = 0u;
  loop {
    let here = counts(i * ${digits}u + digit);
    if (place < here || digit == ${digits - 1}u) { break; }
    place -= here;
    digit += 1u;
  }
  let key = ${isFirst ? '' : '(bitcast<u32>(found[2u * i]) << 8u) | '}digit;
  found[2u * i] = bitcast<i32>(key);
  found[2u * i + 1u] = place;
  ${shift === 0 ? `percentiles[i] = select(value_of(key), not_a_number(), statistics(${statisticSlot.nonFinite}u) > 0.0);` : ''}`,
    });
  }
}

export const summarise: GpuKernel<'summarise'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const statistics = context.tensor(outputs.statistics);
  const percentiles = context.optional(outputs.percentiles);
  const histogram = context.optional(outputs.histogram);
  const inside = context.optional(outputs.inside);
  statisticsOf(context, x, statistics, attrs.range);
  if (percentiles) percentilesOf(context, x, statistics, percentiles, attrs.percentiles);
  if (histogram) {
    each(context, histogram.size, { label: 'summarise histogram', write: { histogram }, body: '  histogram[i] = 0;' });
    each(context, x.size, {
      label: 'summarise histogram',
      read: { x, statistics },
      atomic: { histogram },
      body: `
  let v = x(i);
  let low = statistics(${statisticSlot.low}u);
  let high = statistics(${statisticSlot.high}u);
  let bits = bitcast<u32>(v) & 0x7fffffffu;
  if (bits > 0x7f800000u) { return; }
  var bin = 1u;
  if (v < low) { bin = 0u; }
  else if (v > high) { bin = ${attrs.bins + 1}u; }
  else { bin = 1u + min(u32((v - low) * (${f32(attrs.bins)} / (high - low))), ${attrs.bins - 1}u); }
  atomicAdd(&histogram[bin], 1);`,
    });
  }
  if (inside && attrs.inside) insideOf(context, x, inside, attrs.inside);
};

/** One workgroup per unit. */
function insideOf(context: GpuContext, x: GpuTensor, inside: GpuTensor, [low, high]: readonly [number, number]): void {
  const threads = context.tuning.rowThreads;
  const units = x.shape[1]!;
  const plane = sizeOf(x.shape.slice(2));
  const perUnit = x.shape[0]! * plane;
  context.dispatch({
    label: 'summarise inside',
    read: { x },
    write: { inside },
    functions: sumAll(context.tuning),
    body: `
  var count = 0.0;
  for (var e = lid; e < ${perUnit}u; e += ${threads}u) {
    let v = x((e / ${plane}u * ${units}u + group) * ${plane}u + e % ${plane}u);
    if (v >= ${f32(low)} && v <= ${f32(high)}) { count += 1.0; }
  }
  let total = sum_all(lid, count);
  if (lid == 0u) { inside[group] = i32(total); }`,
    threads,
    groups: units,
  });
}

export const compare: GpuKernel<'compare'> = ({ inputs, outputs }, context) => {
  const a = context.tensor(inputs.a);
  const b = context.tensor(inputs.b);
  const threads = context.tuning.rowThreads;
  const cut = slicesOf(context, a.size);
  const parts = context.workspace(cut.slices * 4);
  const names = ['square_a', 'square_b', 'square', 'product'];
  context.dispatch({
    label: 'compare slices',
    read: { a, b },
    write: { parts },
    functions: sumAll(context.tuning),
    body: `
${names.map((name) => `  var ${name} = 0.0;`).join('\n')}${loop(
      cut,
      a.size,
      threads,
      `let d = a(i) - b(i);
    square_a += a(i) * a(i);
    square_b += b(i) * b(i);
    square += d * d;
    product += a(i) * b(i);`,
    )}
${names.map((name) => `  let all_${name} = sum_all(lid, ${name});`).join('\n')}
  if (lid == 0u) {
${names.map((name, j) => `    parts[group * 4u + ${j}u] = all_${name};`).join('\n')}
  }`,
    threads,
    groups: cut.slices,
  });
  each(context, 1, {
    label: 'compare',
    read: { parts },
    write: { result: context.tensor(outputs.result) },
    body: `
  var sums = vec4f();
  for (var s = 0u; s < ${cut.slices}u; s++) {
    sums += vec4f(parts(4u * s), parts(4u * s + 1u), parts(4u * s + 2u), parts(4u * s + 3u));
  }
  result[${compareSlot.normA}u] = sqrt(sums.x);
  result[${compareSlot.normB}u] = sqrt(sums.y);
  result[${compareSlot.difference}u] = sqrt(sums.z);
  result[${compareSlot.product}u] = sums.w;`,
  });
};
