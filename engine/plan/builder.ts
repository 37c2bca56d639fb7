import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import type { DType, Shape } from '../tensor.ts';
import type { OpInstance, Plan, TensorRole, TensorSpec } from './plan.ts';

/** Collects the tensors and ops of a plan. Segments come in the order of their first op. */
export class PlanBuilder {
  readonly #tensors: TensorSpec[] = [];
  readonly #ids = new Map<string, TensorId>();
  readonly #segments = new Map<string, OpInstance[]>();

  /** Enters a tensor into the table. Throws EngineError('plan') if the name is taken. */
  tensor(name: string, shape: Shape, dtype: DType, role: TensorRole, node?: string): TensorId {
    if (this.#ids.has(name)) {
      throw new EngineError('plan', `The plan has a tensor "${name}" already; give this one another name.`);
    }
    const id = this.#tensors.length;
    this.#tensors.push({ id, name, shape: [...shape], dtype, role, ...(node === undefined ? {} : { node }) });
    this.#ids.set(name, id);
    return id;
  }

  /** Appends an op to a segment. */
  op(segment: string, instance: OpInstance): void {
    const ops = this.#segments.get(segment);
    if (ops === undefined) this.#segments.set(segment, [instance]);
    else ops.push(instance);
  }

  /** Puts other ops in the place of those that a segment has so far. */
  rewrite(segment: string, change: (instance: OpInstance) => OpInstance): void {
    this.#segments.set(segment, this.ops(segment).map(change));
  }

  spec(tensor: TensorId): TensorSpec {
    const spec = this.#tensors[tensor];
    if (spec === undefined) {
      throw new EngineError('plan', `The plan has ${this.#tensors.length} tensors and none with number ${tensor}.`);
    }
    return spec;
  }

  shape(tensor: TensorId): Shape {
    return this.spec(tensor).shape;
  }

  /** A tensor by its name; undefined if there is none. */
  find(name: string): TensorId | undefined {
    return this.#ids.get(name);
  }

  /** The ops that a segment has so far. */
  ops(segment: string): readonly OpInstance[] {
    return [...(this.#segments.get(segment) ?? [])];
  }

  /** The plan as it stands; not verified (verify.ts). */
  build(): Plan {
    return {
      tensors: [...this.#tensors],
      segments: [...this.#segments].map(([name, ops]) => ({ name, ops: [...ops] })),
    };
  }
}
