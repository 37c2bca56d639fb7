import { randomSlot } from '../../ops/op.ts';
import { streamKind } from '../../random.ts';
import { sizeOf } from '../../tensor.ts';
import type { GpuKernel } from '../kernel.ts';
import { f32, philox } from '../wgsl.ts';
import { each } from './each.ts';
import { alone, type ElementwiseOf } from './elementwise.ts';
import { horner } from './math.ts';

const slot = (name: keyof typeof randomSlot): string => `bitcast<u32>(random(${randomSlot[name]}u))`;

/** Declares `draw(index)`: the four words of a stream at this step's position. */
const draws = (stream: number, kind: number): string => `${philox}
fn draw(index: u32) -> vec4u {
  return philox(vec4u(index, ${slot('step')}, ${stream >>> 0}u, ${kind}u), vec2u(${slot('seedLow')}, ${slot('seedHigh')}));
}`;

/** A word holds four values of the mask; neighbours in a plane have words of their own, neighbours in [N, F] share one. */
export const dropoutMask: GpuKernel<'dropoutMask'> = ({ attrs, inputs, outputs }, context) => {
  const mask = context.tensor(outputs.mask);
  const channels = mask.shape[1]!;
  const plane = sizeOf(mask.shape.slice(2));
  const blocks = Math.ceil(channels / 4);
  const dropBelow = Math.round(attrs.p * 2 ** 24);
  each(context, Math.ceil(mask.size / 4), {
    label: 'dropoutMask',
    read: { random: context.tensor(inputs.random) },
    write: { mask },
    functions: draws(attrs.stream, streamKind.dropout),
    body: `
  var packed_values = 0u;
  var block = 0xffffffffu;
  var words = vec4u();
  for (var j = 0u; j < 4u; j++) {
    let e = i * 4u + j;
    if (e >= ${mask.size}u) { break; }
    let c = e / ${plane}u % ${channels}u;
    let place = e / ${plane * channels}u * ${plane}u + e % ${plane}u;
    let index = place * ${blocks}u + c / 4u;
    if (index != block || j == 0u) {
      block = index;
      words = draw(index);
    }
    packed_values |= select(0u, 1u, (words[c % 4u] >> 8u) >= ${dropBelow}u) << (j * 8u);
  }
  mask[i] = packed_values;`,
  });
};

export const dropoutValue: ElementwiseOf<'dropout'> = ({ attrs, inputs, outputs }, context) => {
  const mask = context.tensor(inputs.mask);
  const share = context.tensor(outputs.y).size / mask.size;
  return {
    label: 'dropout',
    at: { x: inputs.x },
    beside: { mask },
    result: outputs.y,
    value: ({ mask }) => `select(x * ${f32(attrs.scale)}, 0.0, ${mask!}(i / ${share}u) == 0u)`,
  };
};
export const dropout = alone(dropoutValue);

const sineSeries = [-1 / 39916800, 1 / 362880, -1 / 5040, 1 / 120, -1 / 6];

/**
 * WGSL's cos may be off by 2^-11; here it is a sine of less than a quarter turn by Taylor's series, as
 * cos(2 pi u) = sin(2 pi (|u - 1/2| - 1/4)). -ln(1 - u) for small u comes from ln((1 + z) / (1 - z)), which keeps its digits.
 */
const normal = `
fn uniform24(word: u32) -> f32 { return f32(word >> 8u) * ${f32(2 ** -24)}; }
fn signed24(word: u32) -> f32 { return 2.0 * uniform24(word) - 1.0; }
fn cosine_of_turns(u: f32) -> f32 {
  let x = (abs(u - 0.5) - 0.25) * ${f32(2 * Math.PI)};
  let s = x * x;
  return x + x * s * ${horner('s', sineSeries)};
}
fn minus_log(u: f32) -> f32 {
  if (u > 0.5) { return -log(1.0 - u); }
  let z = u / (2.0 - u);
  let s = z * z;
  return 2.0 * z * ${horner(
    's',
    [15, 13, 11, 9, 7, 5, 3, 1].map((n) => 1 / n),
  )};
}
fn normal24(first: u32, second: u32) -> f32 {
  return sqrt(2.0 * minus_log(uniform24(first))) * cosine_of_turns(uniform24(second));
}`;

export const noise: GpuKernel<'noise'> = ({ attrs, inputs, outputs }, context) => {
  const scale = context.tensor(outputs.scale);
  const channels = scale.shape[1]!;
  each(context, scale.size, {
    label: 'noise',
    read: { random: context.tensor(inputs.random) },
    write: { scale, shift: context.tensor(outputs.shift) },
    functions: draws(attrs.stream, streamKind.noise) + normal,
    body: `
  let c = i % ${channels}u;
  let shared_draw = draw(c);
  let own = draw((i / ${channels}u + 1u) * ${4 * Math.ceil(channels / 4)}u + c);
  shift[i] = ${f32(attrs.meanRange)} * signed24(shared_draw.x) + ${f32(attrs.meanSpread)} * signed24(own.x);
  scale[i] = 1.0 + ${f32(attrs.largestScale - 1)} * uniform24(shared_draw.y) + ${f32(attrs.scaleSpread)} * normal24(own.y, own.z);`,
  });
};

export const scaleShiftValue: ElementwiseOf<'scaleShift'> = ({ inputs, outputs }, context) => {
  const scale = context.tensor(inputs.scale);
  const shift = context.optional(inputs.shift);
  const plane = context.tensor(outputs.y).size / scale.size;
  return {
    label: 'scaleShift',
    at: { x: inputs.x },
    beside: { scale, shift },
    result: outputs.y,
    value: ({ scale, shift }) =>
      `x * ${scale!}(i / ${plane}u)${shift === undefined ? '' : ` + ${shift}(i / ${plane}u)`}`,
  };
};
export const scaleShift = alone(scaleShiftValue);
