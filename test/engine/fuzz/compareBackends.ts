import type { Backend, CompileOptions, Executable } from '../../../engine/backend.ts';
import type { TensorId } from '../../../engine/ops/op.ts';
import { updateSegment } from '../../../engine/plan/accumulate.ts';
import { verifyPlan } from '../../../engine/plan/verify.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { fillHyper } from '../../../engine/train/optimizers.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import { buildPlan, optimizerOf, writeInitial } from './build.ts';
import type { FuzzPlan } from './build.ts';
import type { FuzzSpec } from './spec.ts';

export interface Mismatch {
  readonly message: string;
}

const steps = 2;

/**
 * Float32 against float64 sums through a whole model, relative to the largest value of each tensor. Measured on 2,000 random
 * models of the cpu backend: 99 % differ by no more than a tenth of it, the worst by 0.6.
 */
const relativeTolerance = 2e-4;
/** Below this part of the largest gradient of the model a gradient is rounding (a bias in front of a batch norm). */
const noiseFloor = 2e-5;

async function read(executable: Executable, id: TensorId): Promise<Float32Array> {
  const values = new Float32Array(sizeOf(executable.plan.tensors[id]!.shape));
  await executable.read(id, values);
  return values;
}

const largestOf = (values: Float32Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

function writeStep(executable: Executable, fuzz: FuzzPlan, spec: FuzzSpec, step: number): void {
  const hyper = new Float32Array(4);
  fillHyper(optimizerOf(spec), 0.05, step, hyper);
  executable.write(fuzz.hyper, hyper);
  executable.write(fuzz.random, Int32Array.of(spec.dataSeed, 0, step));
}

/** One step, in as many parts as the spec says: all of the same images, each with draws of its own. */
function runStep(executable: Executable, fuzz: FuzzPlan, spec: FuzzSpec, step: number): void {
  writeStep(executable, fuzz, spec, step);
  for (let part = 0; part < spec.accumulate; part++) {
    executable.write(fuzz.random, Int32Array.of(spec.dataSeed, 0, step * spec.accumulate + part));
    executable.run('train');
  }
  if (spec.accumulate > 1) executable.run(updateSegment);
}

/** Trains the model on both backends and compares all that a host can read. */
async function compareOnce(spec: FuzzSpec, backend: Backend, options: CompileOptions): Promise<Mismatch | undefined> {
  const fuzz = buildPlan(spec, { update: true });
  verifyPlan(fuzz.plan);
  const expected = await referenceBackend.compile(fuzz.plan);
  const actual = await backend.compile(fuzz.plan, options);
  try {
    writeInitial(expected, fuzz);
    writeInitial(actual, fuzz);
    for (let step = 0; step < steps; step++) {
      for (const executable of [expected, actual]) {
        runStep(executable, fuzz, spec, step);
      }
      const mismatch = await compareState(fuzz, expected, actual, step);
      if (mismatch !== undefined) return mismatch;
    }
    return undefined;
  } finally {
    await actual.dispose();
  }
}

async function compareState(
  fuzz: FuzzPlan,
  expected: Executable,
  actual: Executable,
  step: number,
): Promise<Mismatch | undefined> {
  const largestGradient = Math.max(
    0,
    ...(await Promise.all(fuzz.gradients.map(async (id) => largestOf(await read(expected, id))))),
  );
  const ids = [fuzz.loss, fuzz.logits, ...fuzz.gradients, ...fuzz.buffers, ...fuzz.state, ...fuzz.parameters];
  for (const id of ids) {
    const { name, dtype } = fuzz.plan.tensors[id]!;
    // The count of correct answers may differ by a near tie; counters of batches are compared through the statistics.
    if (dtype !== 'f32' || name === 'history') continue;
    const g = await read(expected, id);
    const y = await read(actual, id);
    const floor = fuzz.gradients.includes(id) || fuzz.state.includes(id) ? largestGradient * noiseFloor : 0;
    const allowed = relativeTolerance * largestOf(g) + floor + 1e-6;
    for (let i = 0; i < g.length; i++) {
      if (Object.is(y[i], g[i]) || Math.abs(y[i]! - g[i]!) <= allowed) continue;
      return {
        message: `step ${step}, ${name}[${i}]: ${y[i]} instead of ${g[i]} (largest ${largestOf(g)}, allowed ${allowed})`,
      };
    }
  }
  return undefined;
}

/** The last difference if there is one with each of three shifts of a seed; undefined as soon as one agrees. An error counts at once. */
export async function onEveryDraw(
  compare: (shift: number) => Promise<Mismatch | undefined>,
): Promise<Mismatch | undefined> {
  let mismatch: Mismatch | undefined;
  for (const shift of [0, 1_000_003, 2_000_003]) {
    try {
      mismatch = await compare(shift);
    } catch (error) {
      return { message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    if (mismatch === undefined) return undefined;
  }
  return mismatch;
}

/**
 * Undefined when the backends agree. Where rounding moves a value across a kink (ReLU at 0, two nearly equal maxima of a
 * pool), correct backends differ; so a model counts as a mismatch only if it differs on three draws of data and weights.
 */
export async function compareBackends(
  spec: FuzzSpec,
  backend: Backend,
  options: CompileOptions = {},
): Promise<Mismatch | undefined> {
  return onEveryDraw((shift) => compareOnce({ ...spec, dataSeed: spec.dataSeed + shift }, backend, options));
}
