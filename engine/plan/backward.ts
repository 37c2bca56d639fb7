import { EngineError } from '../errors.ts';
import type { GradientContext } from '../ops/definition.ts';
import { emitGradient, isDifferentiable } from '../ops/index.ts';
import type { TensorId } from '../ops/op.ts';
import { inputOperands, outputOperands } from '../ops/operands.ts';
import type { PlanBuilder } from './builder.ts';
import type { OpInstance } from './plan.ts';

export interface BackwardOptions {
  /** Where the derivative starts: a value of the segment, and the tensor that holds its gradient. */
  readonly seeds: readonly { readonly tensor: TensorId; readonly gradient: TensorId }[];
  /** Whose gradients are asked for, each with the tensor that receives it (role gradient or result, same shape). */
  readonly targets: readonly { readonly tensor: TensorId; readonly gradient: TensorId }[];
}

/**
 * Appends the backward pass of the ops that `segment` has so far (reverse-mode differentiation). Only gradients on a way from
 * a seed to a target are computed. A value with several readers gets the sum of their gradients, last reader first, so the
 * order of every sum is fixed. Throws EngineError('plan') if a target does not influence any seed.
 */
export function appendBackward(builder: PlanBuilder, segment: string, options: BackwardOptions): void {
  new Backward(builder, segment, options).run();
}

class Backward {
  readonly #builder: PlanBuilder;
  readonly #segment: string;
  readonly #forward: readonly OpInstance[];
  readonly #targets: ReadonlyMap<TensorId, TensorId>;
  /** Tensors that depend on a target. */
  readonly #needed: ReadonlySet<TensorId>;
  /** How many gradients a tensor will be given, while they arrive. */
  readonly #expected = new Map<TensorId, number>();
  readonly #parts = new Map<TensorId, TensorId[]>();
  /** Complete gradients. */
  readonly #gradients = new Map<TensorId, TensorId>();

  constructor(builder: PlanBuilder, segment: string, { seeds, targets }: BackwardOptions) {
    this.#builder = builder;
    this.#segment = segment;
    this.#forward = builder.ops(segment);
    this.#targets = new Map(targets.map(({ tensor, gradient }) => [tensor, gradient]));
    this.#needed = this.#dependents();
    for (const { tensor, gradient } of seeds) this.#parts.set(tensor, [gradient]);
    this.#countReaders(seeds.map(({ tensor }) => tensor));
  }

  run(): void {
    for (let i = this.#forward.length - 1; i >= 0; i--) this.#differentiate(this.#forward[i]!);
    for (const [tensor] of this.#targets) this.#complete(tensor, undefined);
  }

  /** Every tensor that changes when a target does. */
  #dependents(): Set<TensorId> {
    const needed = new Set<TensorId>(this.#targets.keys());
    for (const instance of this.#forward) {
      if (!isDifferentiable(instance)) continue;
      if (!inputOperands(instance).some(({ tensor }) => needed.has(tensor))) continue;
      for (const { tensor } of outputOperands(instance)) needed.add(tensor);
    }
    return needed;
  }

  /** Counts, for every tensor between target and seed, the reads that will send a gradient back. */
  #countReaders(seeds: readonly TensorId[]): void {
    const reached = new Set<TensorId>(seeds);
    for (const seed of seeds) this.#expected.set(seed, 1);
    for (let i = this.#forward.length - 1; i >= 0; i--) {
      const instance = this.#forward[i]!;
      if (!this.#hasGradient(instance, reached)) continue;
      for (const { tensor } of inputOperands(instance)) {
        if (!this.#needed.has(tensor)) continue;
        reached.add(tensor);
        this.#expected.set(tensor, (this.#expected.get(tensor) ?? 0) + 1);
      }
    }
  }

  #hasGradient(instance: OpInstance, reached: { has(tensor: TensorId): boolean }): boolean {
    return (
      isDifferentiable(instance) &&
      outputOperands(instance).some(({ tensor }) => this.#needed.has(tensor) && reached.has(tensor))
    );
  }

  #differentiate(instance: OpInstance): void {
    if (!this.#hasGradient(instance, this.#parts)) return;
    const { node } = instance;
    const context: GradientContext = {
      needs: (tensor) => tensor !== undefined && this.#needed.has(tensor),
      gradientOf: (output) => this.#complete(output, node),
      gradientFor: (input) => this.#newPart(input),
      passTo: (input, gradient) => {
        if (this.#needed.has(input)) this.#addPart(input, gradient);
      },
      emit: (op) => this.#emit(op, node),
    };
    emitGradient(instance, context);
  }

  #emit(op: Omit<OpInstance, 'phase'>, node: string | undefined): void {
    const placed = { ...op, phase: 'backward', ...(node === undefined ? {} : { node }) };
    this.#builder.op(this.#segment, placed as OpInstance);
  }

  #newPart(input: TensorId): TensorId {
    const only = this.#expected.get(input) === 1;
    const target = this.#targets.get(input);
    if (only && target !== undefined) {
      this.#addPart(input, target);
      return target;
    }
    const part = this.#newTensor(input, only ? 'grad' : `grad.${(this.#parts.get(input)?.length ?? 0) + 1}`);
    if (this.#needed.has(input)) this.#addPart(input, part);
    return part;
  }

  #addPart(input: TensorId, part: TensorId): void {
    const parts = this.#parts.get(input);
    if (parts === undefined) this.#parts.set(input, [part]);
    else parts.push(part);
  }

  #newTensor(like: TensorId, suffix: string): TensorId {
    const { name, shape, node } = this.#builder.spec(like);
    let unique = `${name}.${suffix}`;
    for (let n = 2; this.#builder.find(unique) !== undefined; n++) unique = `${name}.${suffix}~${n}`;
    return this.#builder.tensor(unique, shape, 'f32', 'activation', node);
  }

  /** Sums the parts that have arrived; all have, once every reader of the tensor is behind us. */
  #complete(tensor: TensorId, node: string | undefined): TensorId {
    const known = this.#gradients.get(tensor);
    if (known !== undefined) return known;
    const parts = this.#parts.get(tensor) ?? [];
    const target = this.#targets.get(tensor);
    let sum = parts[0];
    if (sum === undefined) {
      throw new EngineError(
        'plan',
        `"${this.#builder.spec(tensor).name}" has no influence on the loss in segment ${this.#segment}; leave it out of the gradients asked for.`,
      );
    }
    for (let i = 1; i < parts.length; i++) {
      const last = i === parts.length - 1;
      const y = last && target !== undefined ? target : this.#newTensor(tensor, last ? 'grad' : `grad.sum${i}`);
      this.#emit({ op: 'add', attrs: {}, inputs: { a: sum, b: parts[i]! }, outputs: { y } }, node);
      sum = y;
    }
    if (target !== undefined && sum !== target) {
      throw new EngineError(
        'plan',
        `The gradient of "${this.#builder.spec(tensor).name}" is another tensor's own; a sum cannot read it directly.`,
      );
    }
    this.#gradients.set(tensor, sum);
    return sum;
  }
}
