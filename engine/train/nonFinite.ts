import type { Backend, Executable } from '../backend.ts';
import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import { forwardPlan } from '../plan/derive.ts';
import type { OpInstance, TrainingPlan } from '../plan/plan.ts';
import { sizeOf } from '../tensor.ts';
import type { TensorValues } from '../tensor.ts';
import type { StepRunner } from './loop.ts';
import { isFinite } from './state.ts';
import type { NonFiniteTensor, TrainingState } from './state.ts';

const advice = 'Try a lower learning rate, a smaller initialisation or batch normalisation.';

export function nonFiniteParameter(found: NonFiniteTensor, step: number): EngineError {
  const where = found.node === undefined ? '' : ` in layer "${found.node}"`;
  const message = `After step ${step} "${found.name}"${where} holds values that are infinite or not a number. ${advice}`;
  return new EngineError('nonFinite', message, [
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
 * the saved state, forward again to just before the step (the same draws, so the same values), then parameters are looked
 * through, and if they are sound the step's forward pass is run on the reference backend, which keeps every activation.
 */
export async function explainNonFiniteLoss(failure: NonFiniteLoss): Promise<EngineError> {
  const { executable, runner, state, step } = failure;
  state.restore(executable);
  for (let t = state.step; t < step - 1; t++) runner.run(t);
  await state.save(executable, step - 1);
  const parameter = state.nonFinite();
  if (parameter) return nonFiniteParameter(parameter, step - 1);

  const op = await firstNonFiniteOp(failure);
  const node = op?.node;
  const where = op
    ? `The first values that are infinite or not a number come from ${node === undefined ? `the op ${op.op}` : `layer "${node}" (${op.op})`}.`
    : 'Computed again in float64 all activations are finite: the values are too large for float32.';
  const message = `The loss of step ${step} is infinite or not a number. ${where} ${advice}`;
  return new EngineError('nonFinite', message, [{ ...(node === undefined ? {} : { node }), message }]);
}

async function firstNonFiniteOp(failure: NonFiniteLoss): Promise<OpInstance | undefined> {
  const { plan, runner, state, step, data, reference } = failure;
  const forward = forwardPlan(plan, { loss: true });
  const executable = await reference.compile(forward);
  try {
    for (const [tensor, values] of data) executable.write(tensor, values);
    state.restore(executable);
    runner.prepare(step - 1);
    for (const [tensor, values] of runner.inputs) executable.write(tensor, values);
    executable.run('forward');
    for (const op of forward.segments[0]!.ops) {
      for (const id of Object.values(op.outputs as Record<string, TensorId | readonly TensorId[]>).flat()) {
        const spec = plan.tensors[id]!;
        if (spec.dtype !== 'f32') continue;
        const values = new Float32Array(sizeOf(spec.shape));
        await executable.read(id, values);
        if (!isFinite(values)) return op;
      }
    }
    return undefined;
  } finally {
    await executable.dispose();
  }
}
