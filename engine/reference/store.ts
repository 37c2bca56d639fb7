import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import type { Plan, TensorSpec } from '../plan/plan.ts';
import { formatShape, sizeOf } from '../tensor.ts';
import type { DType, Shape, TensorValues } from '../tensor.ts';
import type { TensorStore } from './kernel.ts';

const arrayOf = { f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const;

/** One typed array per tensor: nothing is shared and nothing reused, so a plan's faults cannot hide here. */
export class TypedArrayStore implements TensorStore {
  readonly bytes: number;
  readonly #specs: readonly TensorSpec[];
  readonly #values: readonly TensorValues[];
  readonly #scratch = new Map<object, Float64Array>();

  constructor(plan: Plan) {
    this.#specs = plan.tensors;
    this.#values = plan.tensors.map((spec) => allocate(spec));
    this.bytes = this.#values.reduce((sum, values) => sum + values.byteLength, 0);
  }

  shape(tensor: TensorId): Shape {
    return this.#spec(tensor).shape;
  }

  f32(tensor: TensorId): Float32Array {
    return this.#typed(tensor, 'f32', Float32Array);
  }

  i32(tensor: TensorId): Int32Array {
    return this.#typed(tensor, 'i32', Int32Array);
  }

  u8(tensor: TensorId): Uint8Array {
    return this.#typed(tensor, 'u8', Uint8Array);
  }

  scratch(owner: object, size: number): Float64Array {
    let workspace = this.#scratch.get(owner);
    if (workspace === undefined || workspace.length !== size) {
      workspace = new Float64Array(size);
      this.#scratch.set(owner, workspace);
    } else {
      workspace.fill(0);
    }
    return workspace;
  }

  write(tensor: TensorId, values: TensorValues): void {
    this.#own(tensor, values, 'write').set(values);
  }

  read(tensor: TensorId, into: TensorValues): void {
    into.set(this.#own(tensor, into, 'read'));
  }

  #spec(tensor: TensorId): TensorSpec {
    const spec = this.#specs[tensor];
    if (spec === undefined) {
      throw new EngineError(
        'plan',
        `The plan has ${this.#specs.length} tensors and none with number ${tensor}; take the number from its table.`,
      );
    }
    return spec;
  }

  #typed<A extends TensorValues>(tensor: TensorId, dtype: DType, kind: abstract new (...args: never[]) => A): A {
    const values = this.#values[tensor];
    if (values instanceof kind) return values;
    const spec = this.#spec(tensor);
    throw new EngineError('plan', `An op takes ${dtype} values, but tensor "${spec.name}" holds ${spec.dtype}.`);
  }

  /** The tensor's own values, once `other` is known to have their type and size. */
  #own(tensor: TensorId, other: TensorValues, verb: string): TensorValues {
    const spec = this.#spec(tensor);
    const values = this.#values[tensor]!;
    if (!(other instanceof arrayOf[spec.dtype]) || other.length !== values.length) {
      throw new EngineError(
        'plan',
        `Cannot ${verb} tensor "${spec.name}" (${spec.dtype}, ${formatShape(spec.shape)}: ${values.length} values) ` +
          `with a ${other.constructor.name} of ${other.length}; use a ${arrayOf[spec.dtype].name} of its size.`,
      );
    }
    return values;
  }
}

function allocate(spec: TensorSpec): TensorValues {
  try {
    return new arrayOf[spec.dtype](sizeOf(spec.shape));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new EngineError(
      'memory',
      `Tensor "${spec.name}" (${formatShape(spec.shape)}) does not fit in memory; use a smaller batch or model.`,
    );
  }
}
