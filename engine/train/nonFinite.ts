import { leastInfiniteHalf, type Backend, type Executable } from '../backend.ts';
import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import type { OpInstance, Plan, TrainingPlan } from '../plan/plan.ts';
import { sizeOf } from '../tensor.ts';
import type { TensorValues } from '../tensor.ts';
import type { StepRunner } from './loop.ts';
import { isFinite, TrainingState } from './state.ts';
import type { NonFiniteTensor } from './state.ts';

const advice = 'Try a lower learning rate, a smaller initialisation or batch normalisation.';

export function nonFiniteParameter(found: NonFiniteTensor, step: number): EngineError {
  const where = found.node === undefined ? '' : ` in layer "${found.node}"`;
  const message = `After step ${step} "${found.name}"${where} holds values that are infinite or not a number. ${advice}`;
  return new EngineError('nonFinite', message, [
    { ...(found.node === undefined ? {} : { node: found.node }), message },
  ]);
}

export function nonFiniteCheckpoint(found: NonFiniteTensor, step: number): EngineError {
  const message = `The checkpoint of step ${step} cannot be gone on from: "${found.name}" in it holds values that are infinite or not a number. Resume from an earlier one or from the start.`;
  return new EngineError('checkpoint', message, [
    { ...(found.node === undefined ? {} : { node: found.node }), message },
  ]);
}

export function nonFiniteEvaluation(split: string, step: number): EngineError {
  return new EngineError(
    'nonFinite',
    `The ${split} loss after step ${step} is infinite or not a number, though the training loss is finite. ${advice}`,
  );
}

export interface NonFiniteLoss {
  readonly executable: Executable;
  readonly plan: TrainingPlan;
  readonly runner: StepRunner;
  /** The state saved last, all finite. Overwritten. */
  readonly state: TrainingState;
  /** Step, from 1, whose loss is not finite. */
  readonly step: number;
  /** Data tensors, to give them to a second executable. */
  readonly data: readonly (readonly [TensorId, TensorValues])[];
  readonly reference: Backend;
}

/**
 * Finds the first layer that is to blame. By the time a loss is read back, later steps have spoilt everything, so: back to
 * the saved state, forward again step by step (the same draws, so the same values) up to the first step that spoils a parameter,
 * or to the one whose loss has no value. That step is run on the reference backend, which keeps every activation and gradient, and
 * the first op of it whose output is not finite is named, of the forward pass or of the backward one.
 */
export async function explainNonFiniteLoss(failure: NonFiniteLoss): Promise<EngineError> {
  const { executable, plan, runner, state, step } = failure;
  state.restore(executable);
  const next = new TrainingState(plan);
  for (let t = state.step; t < step - 1; t++) {
    runner.run(t);
    await next.save(executable, t + 1);
    const parameter = next.nonFinite();
    if (parameter) return spoiltParameter(failure, t, parameter);
    state.copyFrom(next);
  }
  const found = await firstNonFiniteOp(failure, step - 1);
  const node = found?.op.node;
  const where = found
    ? found.isHalf
      ? `The first values beyond half precision, which ends at 65504, come from ${nameOf(found.op)}; backend.storage=f32 has room for them.`
      : `The first values that are infinite or not a number come from ${nameOf(found.op)}.`
    : 'Computed again in float64 all activations are finite: the values are too large for float32.';
  const message = `The loss of step ${step} is infinite or not a number. ${where} ${advice}`;
  return new EngineError('nonFinite', message, [{ ...(node === undefined ? {} : { node }), message }]);
}

const nameOf = ({ node, op }: OpInstance): string => (node === undefined ? `the op ${op}` : `layer "${node}" (${op})`);

/** Step `t` (from 0) began with sound parameters and left one that is not. */
async function spoiltParameter(failure: NonFiniteLoss, t: number, parameter: NonFiniteTensor): Promise<EngineError> {
  const found = await firstNonFiniteOp(failure, t);
  if (found === undefined || found.op.phase === 'update') {
    const error = nonFiniteParameter(parameter, t + 1);
    const message = `${error.message} Its gradient was finite: the update made it so.`;
    return new EngineError('nonFinite', message, [{ ...error.faults[0]!, message }]);
  }
  const part = found.op.phase === 'backward' ? 'The first gradient' : 'The first value';
  const { node } = found.op;
  const where = found.isHalf
    ? `${part} beyond half precision, which ends at 65504, comes from ${nameOf(found.op)}; backend.storage=f32 has room for it.`
    : `${part} that is not finite comes from ${nameOf(found.op)}.`;
  const message = `After step ${t + 1} "${parameter.name}" holds values that are infinite or not a number. ${where} ${advice}`;
  return new EngineError('nonFinite', message, [{ ...(node === undefined ? {} : { node }), message }]);
}

interface Culprit {
  readonly op: OpInstance;
  /** Its values are finite, and too large for the half precision that the run keeps them in. */
  readonly isHalf: boolean;
}

/** The first op of step `t` (from 0) with an output that is not finite, part by part; gradients are looked at too. */
async function firstNonFiniteOp(failure: NonFiniteLoss, t: number): Promise<Culprit | undefined> {
  const { plan, runner, state, data, reference } = failure;
  const { halves } = failure.executable;
  const step = stepPlan(plan);
  const executable = await reference.compile(step);
  try {
    for (const [tensor, values] of data) executable.write(tensor, values);
    state.restore(executable);
    for (let part = 0; part < runner.parts; part++) {
      runner.prepare(t, part);
      for (const [tensor, values] of runner.inputs) executable.write(tensor, values);
      executable.run('step');
      for (const op of step.segments[0]!.ops) {
        for (const id of Object.values(op.outputs as Record<string, TensorId | readonly TensorId[]>).flat()) {
          const spec = plan.tensors[id]!;
          if (spec.dtype !== 'f32') continue;
          const values = new Float32Array(sizeOf(spec.shape));
          await executable.read(id, values);
          if (!isFinite(values)) return { op, isHalf: false };
          if (halves?.has(id) && values.some((value) => Math.abs(value) >= leastInfiniteHalf)) {
            return { op, isHalf: true };
          }
        }
      }
    }
    return undefined;
  } finally {
    await executable.dispose();
  }
}

/** A training step up to the gradients, with everything kept for reading. */
function stepPlan(plan: TrainingPlan): Plan {
  const train = plan.segments.find((segment) => segment.name === 'train')!;
  const ops = train.ops.filter(({ phase }) => phase !== 'update' && phase !== 'record');
  return {
    tensors: plan.tensors.map((spec) => (spec.role === 'activation' ? { ...spec, role: 'result' } : spec)),
    segments: [{ name: 'step', ops }],
  };
}
