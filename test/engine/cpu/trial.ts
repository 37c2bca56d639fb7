import type { Backend, CompileOptions } from '../../../engine/backend.ts';
import { PlanBuilder } from '../../../engine/plan/builder.ts';
import type { OpInstance, Plan } from '../../../engine/plan/plan.ts';
import { sizeOf, type DType, type Shape, type TensorValues } from '../../../engine/tensor.ts';

/** A tensor of a trial: its shape and where its first values come from (results start at zero). */
export interface TrialTensor {
  readonly shape: Shape;
  readonly dtype?: DType;
  readonly values?: (index: number) => number;
}
type Slots = Readonly<Record<string, TrialTensor | readonly TrialTensor[]>>;

/** One op on its own. */
export interface Trial {
  readonly name: string;
  readonly op: OpInstance['op'];
  readonly attrs: object;
  readonly inputs: Slots;
  readonly outputs: Slots;
}

/** Repeatable numbers between -1 and 1 that look random. */
export function noise(seed: number): (index: number) => number {
  return (index) => {
    let h = Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
    h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
    return ((h ^ (h >>> 15)) >>> 0) / 2 ** 31 - 1;
  };
}

/** A tensor of noise. */
export const t = (...shape: number[]): TrialTensor => ({ shape });
/** Noise above 0.2. */
export const positive = (...shape: number[]): TrialTensor => ({ shape, values: (i) => 0.2 + Math.abs(noise(7)(i)) });
/** Values that are written down. */
export const given = (values: readonly number[], dtype: 'f32' | 'i32' = 'f32'): TrialTensor => ({
  shape: [values.length],
  dtype,
  values: (i) => values[i]!,
});

export function allocate(shape: Shape, dtype: DType): TensorValues {
  const size = sizeOf(shape);
  if (dtype === 'f32') return new Float32Array(size);
  return dtype === 'i32' ? new Int32Array(size) : new Uint8Array(size);
}

export interface BuiltTrial {
  readonly plan: Plan;
  /** First values of the inputs, by tensor. */
  readonly given: ReadonlyMap<number, TensorValues>;
}

/** A plan with one segment per trial. */
export function buildTrials(trials: readonly Trial[]): BuiltTrial {
  const builder = new PlanBuilder();
  const given = new Map<number, TensorValues>();
  for (const trial of trials) addTrial(trial, builder, given);
  return { plan: builder.build(), given };
}

function addTrial(trial: Trial, builder: PlanBuilder, given: Map<number, TensorValues>): void {
  const seeds = given.size;
  const enter = (slot: string, tensor: TrialTensor, role: 'input' | 'result'): number => {
    const dtype = tensor.dtype ?? 'f32';
    const id = builder.tensor(`${trial.name}: ${slot}`, tensor.shape, dtype, role);
    if (role === 'input') {
      const values = allocate(tensor.shape, dtype);
      const source = tensor.values ?? noise(given.size - seeds);
      for (let i = 0; i < values.length; i++) values[i] = source(i);
      given.set(id, values);
    }
    return id;
  };
  const enterAll = (slots: Slots, role: 'input' | 'result'): Record<string, number | number[]> =>
    Object.fromEntries(
      Object.entries(slots).map(([slot, of]) => [
        slot,
        Array.isArray(of)
          ? (of as readonly TrialTensor[]).map((tensor, i) => enter(`${slot}${i}`, tensor, role))
          : enter(slot, of as TrialTensor, role),
      ]),
    );
  const inputs = enterAll(trial.inputs, 'input');
  const outputs = enterAll(trial.outputs, 'result');
  // Attributes and slots of a trial are not typed by op: the point is to write many of them briefly.
  const instance = { op: trial.op, attrs: trial.attrs, inputs, outputs, phase: 'forward' };
  builder.op(trial.name, instance as unknown as OpInstance);
}

/** All tensors of the plan after `runs` runs, by name. */
export async function runPlan(
  backend: Backend,
  plan: Plan,
  given: ReadonlyMap<number, TensorValues>,
  options: CompileOptions = {},
): Promise<Map<string, TensorValues>> {
  const executable = await backend.compile(plan, options);
  try {
    for (const [id, values] of given) executable.write(id, values);
    for (const { name } of plan.segments) executable.run(name);
    const results = new Map<string, TensorValues>();
    for (const spec of plan.tensors) {
      if (spec.role === 'activation') continue;
      const values = allocate(spec.shape, spec.dtype);
      await executable.read(spec.id, values);
      results.set(spec.name, values);
    }
    return results;
  } finally {
    await executable.dispose();
  }
}

/** The name of the first tensor whose bits differ, or null. */
export function firstDifference(
  a: ReadonlyMap<string, TensorValues>,
  b: ReadonlyMap<string, TensorValues>,
): string | null {
  for (const [name, values] of a) {
    const other = b.get(name)!;
    const left = new Uint8Array(values.buffer);
    const right = new Uint8Array(other.buffer);
    if (left.length !== right.length || left.some((byte, i) => byte !== right[i])) return name;
  }
  return null;
}

/** Largest |a - b| / (absolute + relative |b|) over all tensors; Infinity where only one is NaN. */
export function worstRatio(
  got: ReadonlyMap<string, TensorValues>,
  wanted: ReadonlyMap<string, TensorValues>,
  absolute: number,
  relative: number,
): { ratio: number; where: string } {
  let worst = { ratio: 0, where: '' };
  for (const [name, values] of got) {
    const other = wanted.get(name)!;
    for (let i = 0; i < values.length; i++) {
      const a = values[i]!;
      const b = other[i]!;
      if (Object.is(a, b) || a === b) continue;
      const ratio = Math.abs(a - b) / (absolute + relative * Math.abs(b));
      const found = Number.isNaN(ratio) ? Infinity : ratio;
      if (found > worst.ratio) worst = { ratio: found, where: `${name}[${i}]: ${a} instead of ${b}` };
    }
  }
  return worst;
}
