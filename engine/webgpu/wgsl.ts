import type { BindingAccess } from './device.ts';
import type { GpuArray, GpuDispatch, GpuTuning, StoredType } from './kernel.ts';
import type { GpuView } from './memory.ts';

/** A float32 literal. */
export function f32(value: number): string {
  const rounded = Math.fround(value);
  if (!Number.isFinite(rounded)) throw new RangeError(`${value} has no literal in WGSL.`);
  return rounded < 0 || Object.is(rounded, -0) ? `(${rounded}f)` : `${rounded}f`;
}

/** A dispatch in the form that the device takes. */
export interface Program {
  readonly label: string;
  readonly code: string;
  readonly bindings: readonly { readonly view: GpuView; readonly access: BindingAccess }[];
  readonly workgroups: readonly [x: number, y: number, z: number];
}

/** Element of a binding, and what `name(i)` gives of it. */
const stored = { f32: 'f32', i32: 'i32', u8: 'u32', f16: 'f16' } as const satisfies Record<StoredType, string>;
const scalar = { ...stored, f16: 'f32' } as const satisfies Record<StoredType, string>;
const words = ({ dtype, size }: GpuArray): number => (dtype === 'u8' ? Math.ceil(size / 4) : size);
const sameView = (a: GpuView, b: GpuView): boolean =>
  a.buffer === b.buffer && a.offset === b.offset && a.bytes === b.bytes;

/** At least as many workgroups as asked for, along as few axes as it takes. */
function gridOf(groups: number, most: number): [x: number, y: number, z: number] {
  const x = Math.min(groups, most);
  const y = Math.min(Math.ceil(groups / x), most);
  return [x, y, Math.ceil(groups / (x * y))];
}

function entries(record: Readonly<Record<string, GpuArray | undefined>> | undefined): [string, GpuArray][] {
  return Object.entries(record ?? {}).filter((entry): entry is [string, GpuArray] => entry[1] !== undefined);
}

/** Writes the WGSL of a dispatch: bindings, accessors, and a `main` that knows its `group` and `lid`. */
export function programOf(dispatch: GpuDispatch, mostPerDimension: number): Program {
  const { label, threads, groups, body, functions = '' } = dispatch;
  const counted = entries(dispatch.atomic);
  const written = [...entries(dispatch.write), ...entries(dispatch.update), ...counted];
  const writtenBuffers = new Set(written.map(([, { view }]) => view.buffer));
  const bindings: { view: GpuView; access: BindingAccess; variable: string }[] = [];
  const lines: string[] = [];
  const bind = (variable: string, array: GpuArray, element: string = stored[array.dtype]): void => {
    // within one dispatch a buffer is either read or written, also in parts that do not overlap
    const access = writtenBuffers.has(array.view.buffer) ? 'write' : 'read';
    const mode = access === 'read' ? 'read' : 'read_write';
    const type = `array<${element}, ${Math.max(words(array), 1)}>`;
    lines.push(`@group(0) @binding(${bindings.length}) var<storage, ${mode}> ${variable}: ${type};`);
    bindings.push({ view: array.view, access, variable });
  };
  for (const [name, array] of written) {
    bind(name, array, counted.some(([counter]) => counter === name) ? 'atomic<i32>' : undefined);
  }
  const text = functions + body;
  for (const [name, array] of entries(dispatch.read)) {
    // what a dispatch of several stages does not read here takes no binding
    if (!new RegExp(`\\b${name}\\(`).test(text)) continue;
    let found = bindings.find(({ view }) => sameView(view, array.view));
    if (found === undefined) {
      bind(`${name}_`, array);
      found = bindings.at(-1)!;
    }
    lines.push(`fn ${name}(i: u32) -> ${scalar[array.dtype]} { return ${elementOf(found.variable, array.dtype)}; }`);
  }
  const [x, y, z] = gridOf(groups, mostPerDimension);
  const plane = z === 1 ? '' : `workgroup.z * ${x * y}u + `;
  const number = y === 1 ? 'workgroup.x' : `${plane}workgroup.y * ${x}u + workgroup.x`;
  const guard = x * y * z === groups ? '' : `\n  if (group >= ${groups}u) { return; }`;
  const enable = functions.includes('subgroupShuffleXor') ? 'enable subgroups;\n' : '';
  const half = lines.some((line) => line.includes('array<f16')) ? 'enable f16;\n' : '';
  const code = `${half}${enable}${lines.join('\n')}
${functions}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lid: u32) {
  let group = ${number};${guard}
${body}
}
`;
  return { label, code, bindings: bindings.map(({ view, access }) => ({ view, access })), workgroups: [x, y, z] };
}

/** Element `i` of a bound array, as kernels compute with it. */
function elementOf(variable: string, dtype: StoredType): string {
  if (dtype === 'u8') return `extractBits(${variable}[i >> 2u], (i & 3u) * 8u, 8u)`;
  return dtype === 'f16' ? `f32(${variable}[i])` : `${variable}[i]`;
}

/**
 * Declares `sum_all(lid, value)`: the sum over the workgroup's invocations, the same in all of them, in an order that the number of
 * invocations decides, and with subgroups their size: halves by halves in a subgroup, then subgroup by subgroup.
 */
export function sumAll({ rowThreads: threads, subgroup }: Pick<GpuTuning, 'rowThreads' | 'subgroup'>): string {
  if (subgroup > 1 && subgroup <= threads) {
    const halves = Array.from({ length: Math.log2(subgroup) }, (_, i) => subgroup >> (i + 1));
    return `
var<workgroup> shares: array<f32, ${threads / subgroup}>;
fn sum_all(lid: u32, value: f32) -> f32 {
  var part = value;
${halves.map((distance) => `  part += subgroupShuffleXor(part, ${distance}u);`).join('\n')}
  if (lid % ${subgroup}u == 0u) { shares[lid / ${subgroup}u] = part; }
  workgroupBarrier();
  var sum = shares[0];
  for (var s = 1u; s < ${threads / subgroup}u; s++) { sum += shares[s]; }
  workgroupBarrier();
  return sum;
}`;
  }
  return `
var<workgroup> shares: array<f32, ${threads}>;
fn sum_all(lid: u32, value: f32) -> f32 {
  shares[lid] = value;
  workgroupBarrier();
  for (var stride = ${threads / 2}u; stride > 0u; stride >>= 1u) {
    if (lid < stride) { shares[lid] += shares[lid + stride]; }
    workgroupBarrier();
  }
  let sum = shares[0];
  workgroupBarrier();
  return sum;
}`;
}

/** Declares `is_nan`, which compilers cannot reason away as they may x != x. */
export const isNan = `
fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`;

/**
 * Declares `minus_infinity()` and `infinity()`. A literal may not be infinite, and a constant expression neither: the bits
 * come from a variable.
 */
export const infinities = `
var<private> infinity_bits: u32 = 0x7f800000u;
fn infinity() -> f32 { return bitcast<f32>(infinity_bits); }
fn minus_infinity() -> f32 { return bitcast<f32>(infinity_bits | 0x80000000u); }`;

/** Declares Philox4x32-10 as `philox(counter, key)`, the same words as engine/random.ts. */
export const philox = `
fn multiply_high(a: u32, b: u32) -> u32 {
  let a0 = a & 0xffffu; let a1 = a >> 16u;
  let b0 = b & 0xffffu; let b1 = b >> 16u;
  let low = a0 * b0;
  let middle1 = a1 * b0 + (low >> 16u);
  let middle2 = a0 * b1 + (middle1 & 0xffffu);
  return a1 * b1 + (middle1 >> 16u) + (middle2 >> 16u);
}
fn philox(counter: vec4u, start: vec2u) -> vec4u {
  var c = counter;
  var key = start;
  for (var round = 0u; round < 10u; round++) {
    let high0 = multiply_high(0xd2511f53u, c.x);
    let high1 = multiply_high(0xcd9e8d57u, c.z);
    c = vec4u(high1 ^ c.y ^ key.x, 0xcd9e8d57u * c.z, high0 ^ c.w ^ key.y, 0xd2511f53u * c.x);
    key += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}`;
