import type { OpAttrs, OpInputs, OpName, OpOutputs, TensorId } from '../ops/op.ts';
import type { ProbeHandles } from './probe.ts';
import type { DType, Shape } from '../tensor.ts';

/**
 * What a tensor is for, and so how long it lives.
 * - data: resident, written once by the host (pixels, labels, preprocessing)
 * - input: written by the host before a run (indices, hyper, random; in tests x, dy ...)
 * - parameter, gradient, optimizerState: kept in flat buffers, in table order
 * - buffer: state that is not trained (running statistics)
 * - activation: written and read inside one segment; memory is reused
 * - result: read by the host after a run
 */
export type TensorRole =
  'data' | 'input' | 'parameter' | 'gradient' | 'optimizerState' | 'buffer' | 'activation' | 'result';

export interface TensorSpec {
  readonly id: TensorId;
  /** Unique in the plan: "dense1.weight", "dense1.weight.grad", "relu2.y", "input.pixels". */
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly role: TensorRole;
  /** Graph node that it belongs to. */
  readonly node?: string;
}

export type Phase = 'data' | 'forward' | 'loss' | 'backward' | 'update' | 'record' | 'probe';

export interface OpInstanceOf<N extends OpName> {
  readonly op: N;
  readonly attrs: OpAttrs<N>;
  readonly inputs: OpInputs<N>;
  readonly outputs: OpOutputs<N>;
  readonly phase: Phase;
  /** Graph node that it was lowered from; faults and profiles name it. */
  readonly node?: string;
}
/** An op in a plan, discriminated by `op`. */
export type OpInstance = { [N in OpName]: OpInstanceOf<N> }[OpName];

/** A list of ops that the host runs as one: 'train', 'evaluate', or a test's own. */
export interface Segment {
  readonly name: string;
  readonly ops: readonly OpInstance[];
}

/** A static program: every tensor, every op, in order. Independent of backend and memory layout. */
export interface Plan {
  readonly tensors: readonly TensorSpec[];
  readonly segments: readonly Segment[];
}

/** The tensors a training loop touches, by purpose. */
export interface TrainingHandles {
  /** u8 [M, C, H, W] / u8 [M] for the training file (training and validation are index lists into it) and the test file. */
  readonly trainPixels: TensorId;
  readonly trainLabels: TensorId;
  readonly testPixels: TensorId;
  readonly testLabels: TensorId;
  /** f32 [1] or [C*H*W] each: x = (pixel - offset) * scale. */
  readonly offset: TensorId;
  readonly scale: TensorId;
  /** f32 [F, F], where images are whitened: F values of an image as the model sees it. */
  readonly whitening?: TensorId;
  /** f32 [K], where the loss weighs the classes. */
  readonly classWeight?: TensorId;
  /** f32 [batch, augmentationSize], where training images are changed. */
  readonly augmentation?: TensorId;
  /** Where images are mixed: f32 [1], the part of each one's own, and i32 [batch / accumulate], whom each is mixed with. */
  readonly mixing?: { readonly weight: TensorId; readonly partners: TensorId };
  /** i32 [batch / accumulate] for segment 'train', i32 [evaluationBatch] for 'evaluateTrain' and 'evaluateTest'. */
  readonly trainIndices: TensorId;
  readonly evaluationIndices: TensorId;
  readonly hyper: TensorId;
  /** The same for parameters that have had `missed` updates fewer than steps were made, as they were frozen in so many, or new to a fork. */
  readonly lateHyper: readonly { readonly missed: number; readonly tensor: TensorId }[];
  readonly random: TensorId;
  /** f32 [slots, 2]: loss (mean over the batch, before the update) and number correct, of the last `slots` steps. */
  readonly history: TensorId;
  readonly historySlots: number;
  /** f32 [1]: sum of losses and number correct over an evaluation batch; logits f32 [evaluationBatch, K]. */
  readonly evaluationLoss: TensorId;
  readonly evaluationCorrect: TensorId;
  readonly evaluationLogits: TensorId;
  /** In document order. `gradients` and the lists of `optimizerState` run parallel to `parameters`. */
  readonly parameters: readonly TensorId[];
  readonly gradients: readonly TensorId[];
  readonly optimizerState: readonly (readonly TensorId[])[];
  readonly buffers: readonly TensorId[];
}

/**
 * Segments: 'train' (one step; with accumulate above 1 one part of it, and 'update' behind the last part), 'evaluateTrain' (a batch of the training file), 'evaluateTest', and those of
 * the probe.
 */
export interface TrainingPlan extends Plan {
  readonly handles: TrainingHandles;
  /** Where the training is looked into (probe.ts). */
  readonly probe?: ProbeHandles;
  /** Images of a step, and the parts that they are taken in. */
  readonly batchSize: number;
  readonly accumulate: number;
  readonly evaluationBatch: number;
}
