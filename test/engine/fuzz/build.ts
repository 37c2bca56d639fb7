import { hyperSize } from '../../../engine/ops/op.ts';
import type { Executable } from '../../../engine/backend.ts';
import type { TensorId } from '../../../engine/ops/op.ts';
import { appendAccumulation } from '../../../engine/plan/accumulate.ts';
import { appendBackward } from '../../../engine/plan/backward.ts';
import { lossOp } from '../../../engine/plan/loss.ts';
import type { Plan } from '../../../engine/plan/plan.ts';
import { gradientOps, updateOp } from '../../../engine/plan/update.ts';
import type { TensorValues } from '../../../engine/tensor.ts';
import { optimizerState } from '../../../engine/train/optimizers.ts';
import type { LossSettings, OptimizerSettings } from '../../../engine/train/settings.ts';
import { FuzzBuilder } from './forward.ts';
import type { FuzzSpec } from './spec.ts';

/** A random model as a plan of one training step, and everything that the host writes. */
export interface FuzzPlan {
  readonly plan: Plan;
  /** Written once, before the first step. */
  readonly initial: ReadonlyMap<TensorId, TensorValues>;
  readonly random: TensorId;
  readonly hyper: TensorId;
  readonly loss: TensorId;
  readonly logits: TensorId;
  readonly parameters: readonly TensorId[];
  readonly gradients: readonly TensorId[];
  readonly buffers: readonly TensorId[];
  readonly state: readonly TensorId[];
  /** How many of the spec's nodes were fitting. */
  readonly used: number;
}

const historySlots = 2;

/** Loss and gradients of all parameters; with `update` also the optimiser and the history. */
export function buildPlan(spec: FuzzSpec, { update }: { readonly update: boolean }): FuzzPlan {
  const fuzz = new FuzzBuilder(spec);
  const { builder } = fuzz;
  const { target } = fuzz.data();
  const used = spec.nodes.filter((node) => fuzz.add(node)).length;
  if (builder.shape(fuzz.current).length === 4) fuzz.add({ kind: 'flatten' });
  fuzz.add({ kind: 'linear', outs: spec.classes, bias: true });
  const head = fuzz.current;

  const loss = builder.tensor('loss', [1], 'f32', 'result');
  const correct = builder.tensor('correct', [1], 'f32', 'result');
  const logits = builder.tensor('logits', builder.shape(head), 'f32', 'result');
  const dlogits = builder.tensor('dlogits', builder.shape(head), 'f32', 'activation');
  // A copy of the head that the host may read.
  fuzz.emit({ op: 'flatten', attrs: {}, inputs: { x: head }, outputs: { y: logits } });
  let classWeight: TensorId | undefined;
  if (spec.classWeights && spec.loss === 'crossEntropy') {
    classWeight = builder.tensor('classWeight', [spec.classes], 'f32', 'input');
    fuzz.initial.set(
      classWeight,
      Float32Array.from({ length: spec.classes }, (_, k) => 0.5 + k / spec.classes),
    );
  }
  const gradients = fuzz.parameters.map((id) =>
    builder.tensor(`${builder.spec(id).name}.grad`, builder.shape(id), 'f32', 'gradient'),
  );
  appendBackwardOfLoss();
  const hyper = builder.tensor('hyper', [hyperSize], 'f32', 'input');
  const divided = update && spec.accumulate > 1;
  const { step, values } = divided
    ? appendAccumulation(builder, 'train', gradients, { loss, correct }, spec.accumulate)
    : { step: 'train', values: [loss, correct] };
  const state = update ? declareUpdate(fuzz, spec, hyper, gradients, step) : [];
  if (update) {
    const history = builder.tensor('history', [historySlots, 2], 'f32', 'buffer');
    fuzz.buffers.push(history);
    const inputs = { random: fuzz.random, values, history };
    builder.op(step, { op: 'record', attrs: {}, inputs, outputs: {}, phase: 'record' });
  }
  const { initial, random, parameters, buffers } = fuzz;
  return { plan: builder.build(), initial, random, hyper, loss, logits, parameters, gradients, buffers, state, used };

  function appendBackwardOfLoss(): void {
    builder.op('train', lossOp(lossOf(spec), 'train', { logits: head, target, classWeight, loss, dlogits }));
    fuzz.emit({ op: 'countCorrect', attrs: {}, inputs: { logits: head, target }, outputs: { correct } }, 'loss');
    appendBackward(builder, 'train', {
      seeds: [{ tensor: head, gradient: dlogits }],
      targets: fuzz.parameters.map((tensor, i) => ({ tensor, gradient: gradients[i]! })),
    });
  }
}

function lossOf({ loss, labelSmoothing, margin, power }: FuzzSpec): LossSettings {
  if (loss === 'crossEntropy') return { kind: loss, labelSmoothing };
  if (loss === 'huber') return { kind: loss, delta: margin };
  return loss === 'hinge' ? { kind: loss, p: power, margin } : { kind: loss };
}

/**
 * A large eps: with a small one, Adam and its kin make whole steps of gradients that are nothing but rounding. RMSprop and
 * Adagrad, which do not average, more so.
 */
const eps = 1e-1;
const plainEps = 1;

export function optimizerOf(spec: FuzzSpec): OptimizerSettings {
  const { optimizer: kind, momentum, nesterov, decoupled, centered, weightDecay } = spec;
  const common = { learningRate: 0.05, weightDecay };
  const moments = { ...common, beta1: 0.9, beta2: 0.99, eps };
  switch (kind) {
    case 'sgd':
      return { kind, ...common, momentum, dampening: 0.1, nesterov };
    case 'adam':
      return { kind, ...moments, decoupled };
    case 'rmsprop':
      return { kind, ...common, alpha: 0.9, eps: plainEps, momentum, centered };
    case 'adagrad':
      return { kind, ...common, learningRateDecay: 0.1, initialAccumulator: 0, eps: plainEps };
    case 'adamax':
      return { kind, ...moments };
    case 'nadam':
      return { kind, ...moments, momentumDecay: 0.004 };
  }
}

function declareUpdate(
  fuzz: FuzzBuilder,
  spec: FuzzSpec,
  hyper: TensorId,
  gradients: TensorId[],
  segment: string,
): TensorId[] {
  const { builder, parameters } = fuzz;
  const settings = optimizerOf(spec);
  const state = optimizerState(settings).map((suffix) =>
    parameters.map((id) =>
      builder.tensor(`${builder.spec(id).name}.${suffix}`, builder.shape(id), 'f32', 'optimizerState'),
    ),
  );
  const norm = (): TensorId => builder.tensor('norm', [1], 'f32', 'result');
  for (const op of gradientOps(spec, { parameters, gradients }, norm)) builder.op(segment, { ...op, phase: 'update' });
  builder.op(segment, { ...updateOp(settings, { hyper, parameters, gradients, state }), phase: 'update' });
  return state.flat();
}

/** Writes everything that stays, once. */
export function writeInitial(executable: Executable, fuzz: FuzzPlan): void {
  for (const [id, values] of fuzz.initial) executable.write(id, values);
}
