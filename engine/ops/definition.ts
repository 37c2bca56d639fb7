import type { OpInstanceOf } from '../plan/plan.ts';
import type { DType, Shape } from '../tensor.ts';
import type { OpName, TensorId } from './op.ts';

/** An op without the place it has in a plan. */
export type OpBody = { [N in OpName]: Omit<OpInstanceOf<N>, 'phase' | 'node'> }[OpName];

/** What a shape rule sees of the plan. It goes on after a fault, so that all are told at once. */
export interface OpCheck {
  shape(tensor: TensorId): Shape;
  /** Faults `tensor` unless it holds `dtype` in exactly this shape. `slot` is its name in the op ("weight", "xs[2]"). */
  tensor(slot: string, tensor: TensorId | undefined, dtype: DType, shape: Shape): void;
  /** The shape of `tensor` if it holds `dtype` and has a rank within limits, else a fault and undefined. */
  ranked(slot: string, tensor: TensorId, dtype: DType, rank: number, highest?: number): Shape | undefined;
  fault(message: string): void;
}

/** What a gradient rule uses to write the backward pass. */
export interface GradientContext {
  /** Whether anything asks for the gradient of this input. */
  needs(tensor: TensorId | undefined): boolean;
  /** The gradient of an output; it exists for every op that is asked for its gradient rule. */
  gradientOf(output: TensorId): TensorId;
  /** A new tensor with the shape of `input`, for its gradient. It is dropped if nothing needs that gradient. */
  gradientFor(input: TensorId): TensorId;
  /** Says that the gradient of `input` is the tensor `gradient` itself, with no op between. */
  passTo(input: TensorId, gradient: TensorId): void;
  emit(op: OpBody): void;
}

/** What the engine knows of an op apart from how to compute it. */
export interface OpDefinition<N extends OpName> {
  /** Checks attributes, dtypes and shapes of an instance. Source of the rules: the comments in op.ts. */
  verify(instance: OpInstanceOf<N>, check: OpCheck): void;
  /** Inputs that the op also writes. */
  inPlace(instance: OpInstanceOf<N>): readonly TensorId[];
  /** Emits the ops that turn the gradient of y into those of the inputs; null: nothing is differentiated through it. */
  readonly gradient: ((instance: OpInstanceOf<N>, context: GradientContext) => void) | null;
}

/** For ops that write nothing but their outputs. */
export const nothingInPlace = (): readonly TensorId[] => [];

/** The complete definition of an op that is never differentiated and writes only its outputs. */
export function plainOp<N extends OpName>(verify: OpDefinition<N>['verify']): OpDefinition<N> {
  return { verify, inPlace: nothingInPlace, gradient: null };
}
