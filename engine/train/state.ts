import type { Executable } from '../backend.ts';
import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import type { TensorSpec, TrainingPlan } from '../plan/plan.ts';
import { formatShape, sizeOf } from '../tensor.ts';
import type { TensorValues } from '../tensor.ts';
import type { NamedTensor } from './safetensors.ts';

interface StateTensor extends NamedTensor {
  readonly id: TensorId;
  readonly spec: TensorSpec;
}

const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const;

/** A value that is neither infinite nor NaN was expected at this tensor. */
export interface NonFiniteTensor {
  readonly name: string;
  readonly node: string | undefined;
}

/**
 * Everything that training moves: parameters, buffers and optimiser state, in this order, as logical values on the host.
 * The arrays are made once; `save` fills them from an executable and `restore` writes them back.
 */
export class TrainingState {
  readonly tensors: readonly StateTensor[];
  /** Completed steps when the values were saved. */
  step = 0;

  /** @param ids left out: everything */
  constructor(plan: TrainingPlan, ids: readonly TensorId[] = stateIds(plan)) {
    this.tensors = ids.map((id) => {
      const spec = plan.tensors[id]!;
      const { name, dtype, shape } = spec;
      return { id, spec, name, dtype, shape, values: new arrays[dtype](sizeOf(shape)) };
    });
  }

  async save(executable: Executable, step: number): Promise<void> {
    // all at once: a device copies them one behind the other and is waited for one time
    await Promise.all(this.tensors.map(async ({ id, values }) => executable.read(id, values)));
    this.step = step;
  }

  restore(executable: Executable): void {
    for (const { id, values } of this.tensors) executable.write(id, values);
  }

  /**
   * The state before the first step: parameters and buffers by name, and optimiser state, where none is given all of one value.
   * `step`: that of the checkpoint which a fork goes on from.
   */
  begin(initial: ReadonlyMap<string, TensorValues>, optimizerState: number, step = 0): void {
    for (const { name, values, spec } of this.tensors) {
      const given = initial.get(name);
      if (given === undefined) values.fill(spec.role === 'optimizerState' ? optimizerState : 0);
      else values.set(given);
    }
    this.step = step;
  }

  /** Takes over the values of a state that has these tensors, by name, and perhaps more. */
  copyFrom(other: TrainingState): void {
    const source = new Map(other.tensors.map((tensor) => [tensor.name, tensor.values]));
    for (const { name, values } of this.tensors) values.set(source.get(name)!);
    this.step = other.step;
  }

  /** The same values for another plan of the model, whose tensors of these names may have other numbers. */
  for(plan: TrainingPlan): TrainingState {
    const ids = new Map(plan.tensors.map(({ name, id }) => [name, id]));
    const state = new TrainingState(
      plan,
      this.tensors.map(({ name }) => ids.get(name)!),
    );
    state.copyFrom(this);
    return state;
  }

  /** The first tensor in order with a value that is not finite. */
  nonFinite(): NonFiniteTensor | undefined {
    for (const { name, values, spec } of this.tensors) {
      if (!(values instanceof Float32Array)) continue;
      if (!isFinite(values)) return { name, node: spec.node };
    }
    return undefined;
  }

  /** Takes over values from a file. Throws EngineError('checkpoint') that names what is missing, unknown or of another shape. */
  load(tensors: readonly NamedTensor[], step: number): void {
    const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    const faults: string[] = [];
    for (const { name, shape, dtype } of this.tensors) {
      const found = byName.get(name);
      byName.delete(name);
      if (found === undefined) faults.push(`"${name}" (${formatShape(shape)}) is missing in it`);
      else if (found.dtype !== dtype || formatShape(found.shape) !== formatShape(shape)) {
        faults.push(
          `"${name}" is ${formatShape(found.shape)} ${found.dtype} in it and ${formatShape(shape)} ${dtype} in the model`,
        );
      }
    }
    for (const name of byName.keys()) faults.push(`"${name}" is not in the model`);
    if (faults.length > 0) {
      throw new EngineError(
        'checkpoint',
        `The checkpoint does not fit the model: ${faults.slice(0, 5).join('; ')}${faults.length > 5 ? `; and ${faults.length - 5} more` : ''}. Choose the checkpoint of this model.`,
        faults.map((message) => ({ message })),
      );
    }
    const source = new Map(tensors.map((tensor) => [tensor.name, tensor.values]));
    for (const { name, values } of this.tensors) values.set(source.get(name)!);
    this.step = step;
  }
}

/** What training moves. */
function stateIds({ handles }: TrainingPlan): readonly TensorId[] {
  return [...modelIds({ handles }), ...handles.optimizerState.flat()];
}

/** What evaluation needs: parameters and running statistics. */
export function modelIds({ handles }: Pick<TrainingPlan, 'handles'>): readonly TensorId[] {
  return [...handles.parameters, ...handles.buffers];
}

export function isFinite(values: Float32Array): boolean {
  for (const value of values) if (!Number.isFinite(value)) return false;
  return true;
}
