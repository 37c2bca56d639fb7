import type { Backend, Executable } from '../backend.ts';
import { EngineError } from '../errors.ts';
import type { OpName, TensorId } from '../ops/op.ts';
import type { OpInstance, Plan } from '../plan/plan.ts';
import type { TensorValues } from '../tensor.ts';
import type { ReferenceKernel, TensorStore } from './kernel.ts';
import { kernels } from './kernels/index.ts';
import { TypedArrayStore } from './store.ts';

class ReferenceExecutable implements Executable {
  readonly plan: Plan;
  readonly threads = 1;
  readonly #store: TypedArrayStore;

  constructor(plan: Plan) {
    this.plan = plan;
    this.#store = new TypedArrayStore(plan);
  }

  get bytes(): number {
    return this.#store.bytes;
  }

  write(tensor: TensorId, values: TensorValues): void {
    this.#store.write(tensor, values);
  }

  read(tensor: TensorId, into: TensorValues): void {
    this.#store.read(tensor, into);
  }

  run(segment: string): void {
    const found = this.plan.segments.find((candidate) => candidate.name === segment);
    if (found === undefined) {
      const names = this.plan.segments.map((candidate) => candidate.name).join(', ');
      throw new EngineError('plan', `The plan has no segment "${segment}"; it has: ${names}.`);
    }
    for (const instance of found.ops) runOp(instance, this.#store);
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }
}

function runOp(instance: OpInstance, store: TensorStore): void {
  // The table maps each name to the kernel for instances of that name, which TypeScript cannot follow through the union.
  const kernel = kernels[instance.op] as ReferenceKernel<OpName>;
  kernel(instance, store);
}

/** Slow, obvious truth: plain loops over the logical layout, summed in float64. The other backends are measured against it. */
export const referenceBackend: Backend = {
  name: 'reference',
  compile(plan: Plan): Promise<Executable> {
    const unknown = plan.segments
      .flatMap((segment) => segment.ops)
      .filter((instance) => !Object.hasOwn(kernels, instance.op))
      .map((instance) => ({ message: `The reference backend has no op "${instance.op}".` }));
    if (unknown.length > 0) return Promise.reject(new EngineError('plan', unknown[0]!.message, unknown));
    return Promise.resolve().then(() => new ReferenceExecutable(plan));
  },
};
