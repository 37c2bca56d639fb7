/**
 * npm run bench -- --precision: where the rounding error of convolutions comes from. Every 3x3 convolution of the workloads,
 * forward and both gradients, on data as a trained net has it, against the reference backend (float64 sums): relative error in L2
 * of the direct product and of Winograd's transforms with several sets of interpolation points.
 */
import type { Backend, Precision } from '../engine/backend.ts';
import { tunedCpuBackend } from '../engine/cpu/index.ts';
import { PlanBuilder } from '../engine/plan/builder.ts';
import type { OpInstance, Plan } from '../engine/plan/plan.ts';
import { RandomStream, streamKind } from '../engine/random.ts';
import { referenceBackend } from '../engine/reference/index.ts';
import { sizeOf, type Shape } from '../engine/tensor.ts';

interface Layer {
  readonly name: string;
  /** [N, C, H, W] */
  readonly x: readonly [number, number, number, number];
  readonly out: number;
}

const images = 4;
const layers: readonly Layer[] = [
  { name: '28x28, 32 to 32', x: [images, 32, 28, 28], out: 32 },
  { name: '14x14, 32 to 64', x: [images, 32, 14, 14], out: 64 },
  { name: '14x14, 64 to 64', x: [images, 64, 14, 14], out: 64 },
  { name: '7x7, 128 to 128', x: [images, 128, 7, 7], out: 128 },
];

interface Way {
  readonly name: string;
  readonly precision: Precision;
  /** Of F(4x4), without infinity. */
  readonly points?: readonly number[];
}

const root = Math.SQRT2;
export const ways: readonly Way[] = [
  { name: 'direct', precision: 'exact', points: [] },
  { name: 'as precision exact', precision: 'exact' },
  { name: 'as precision fast', precision: 'fast' },
  { name: 'F(2x2): 0 ±1', precision: 'fast', points: [0, 1, -1] },
  { name: 'F(4x4): 0 ±1 ±2', precision: 'fast', points: [0, 1, -1, 2, -2] },
  { name: 'F(4x4): 0 ±1/2 ±1', precision: 'fast', points: [0, 1 / 2, -1 / 2, 1, -1] },
  { name: 'F(4x4): 0 ±1/2 ±2', precision: 'fast', points: [0, 1 / 2, -1 / 2, 2, -2] },
  { name: 'F(4x4): 0 ±√½ ±√2', precision: 'fast', points: [0, 1 / root, -1 / root, root, -root] },
  { name: 'F(4x4): 0 ±5/8 ±3/2', precision: 'fast', points: [0, 5 / 8, -5 / 8, 3 / 2, -3 / 2] },
  { name: 'F(4x4): 0 ±5/8 ±5/4', precision: 'fast', points: [0, 5 / 8, -5 / 8, 5 / 4, -5 / 4] },
  { name: 'F(4x4): 0 ±3/4 ±3/2', precision: 'fast', points: [0, 3 / 4, -3 / 4, 3 / 2, -3 / 2] },
  { name: 'F(4x4): 0 1 -1 1/2 -2', precision: 'fast', points: [0, 1, -1, 1 / 2, -2] },
];

interface Case {
  readonly plan: Plan;
  readonly given: readonly (readonly [number, Float32Array])[];
  /** y, dx and dweight. */
  readonly results: readonly number[];
}

/** One layer's three convolutions: x rectified and normal before, weights by He et al., dy normal. */
function build({ x, out }: Layer): Case {
  const builder = new PlanBuilder();
  const stream = new RandomStream(1, streamKind.noise);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - stream.uniform())) * Math.cos(2 * Math.PI * stream.uniform());
  const given: [number, Float32Array][] = [];
  const enter = (name: string, shape: Shape, value: () => number): number => {
    const id = builder.tensor(name, shape, 'f32', 'input');
    given.push([id, Float32Array.from({ length: sizeOf(shape) }, value)]);
    return id;
  };
  const [rows, channels, height, width] = x;
  const deviation = Math.sqrt(2 / (9 * channels));
  const weightShape = [out, channels, 3, 3];
  const source = enter('x', x, () => Math.max(0, normal()));
  const weight = enter('weight', weightShape, () => deviation * normal());
  const dy = enter('dy', [rows, out, height, width], normal);
  const result = (name: string, shape: Shape): number => builder.tensor(name, shape, 'f32', 'result');
  const y = result('y', [rows, out, height, width]);
  const dx = result('dx', x);
  const dweight = result('dweight', weightShape);
  const attrs = { stride: [1, 1], pads: [1, 1, 1, 1], dilation: [1, 1], groups: 1 } as const;
  const ops: OpInstance[] = [
    { op: 'conv2d', attrs, phase: 'forward', inputs: { x: source, weight }, outputs: { y } },
    { op: 'conv2dGradInput', attrs, phase: 'backward', inputs: { dy, weight }, outputs: { dx } },
    { op: 'conv2dGradWeight', attrs, phase: 'backward', inputs: { x: source, dy }, outputs: { dweight } },
  ];
  for (const op of ops) builder.op('all', op);
  return { plan: builder.build(), given, results: [y, dx, dweight] };
}

async function run(backend: Backend, { plan, given, results }: Case): Promise<Float32Array[]> {
  const executable = await backend.compile(plan);
  for (const [id, values] of given) executable.write(id, values);
  executable.run('all');
  const read: Float32Array[] = [];
  for (const id of results) {
    const values = new Float32Array(sizeOf(plan.tensors[id]!.shape));
    await executable.read(id, values);
    read.push(values);
  }
  await executable.dispose();
  return read;
}

export function relativeError(got: Float32Array, wanted: Float32Array): number {
  let difference = 0;
  let size = 0;
  wanted.forEach((value, i) => {
    difference += (got[i]! - value) ** 2;
    size += value ** 2;
  });
  return Math.sqrt(difference / size);
}

export interface PrecisionRow {
  readonly layer: string;
  readonly way: string;
  readonly forward: number;
  readonly gradInput: number;
  readonly gradWeight: number;
}

export async function measurePrecision(): Promise<PrecisionRow[]> {
  const rows: PrecisionRow[] = [];
  for (const layer of layers) {
    const built = build(layer);
    const wanted = await run(referenceBackend, built);
    for (const { name, precision, points } of ways) {
      const backend = tunedCpuBackend({ precision, ...(points && { winogradPoints: points }) });
      const got = await run(backend, built);
      const [forward, gradInput, gradWeight] = got.map((values, i) => relativeError(values, wanted[i]!));
      rows.push({
        layer: layer.name,
        way: name,
        forward: forward!,
        gradInput: gradInput!,
        gradWeight: gradWeight!,
      });
    }
  }
  return rows;
}

export function printPrecision(rows: readonly PrecisionRow[]): void {
  console.log('Relative error in L2 against float64 sums (the reference backend rounds its results to float32: 3e-8)');
  const number = (value: number): string => value.toExponential(2).padStart(11);
  for (const layer of new Set(rows.map((row) => row.layer))) {
    console.log(`\n${layer.padEnd(26)}    forward   gradInput  gradWeight`);
    for (const { way, forward, gradInput, gradWeight } of rows.filter((row) => row.layer === layer)) {
      console.log(`  ${way.padEnd(24)}${number(forward)} ${number(gradInput)} ${number(gradWeight)}`);
    }
  }
}
