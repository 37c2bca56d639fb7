import { hyperSize } from '../../../engine/ops/op.ts';
import type { Executable } from '../../../engine/backend.ts';
import type { TensorId } from '../../../engine/ops/op.ts';
import { appendBackward } from '../../../engine/plan/backward.ts';
import { lossOp } from '../../../engine/plan/loss.ts';
import type { Plan } from '../../../engine/plan/plan.ts';
import type { TensorValues } from '../../../engine/tensor.ts';
import type { LossSettings } from '../../../engine/train/settings.ts';
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
  const state = update ? declareUpdate(fuzz, spec, hyper, gradients) : [];
  if (update) {
    const history = builder.tensor('history', [historySlots, 2], 'f32', 'buffer');
    fuzz.buffers.push(history);
    const inputs = { random: fuzz.random, values: [loss, correct], history };
    fuzz.emit({ op: 'record', attrs: {}, inputs, outputs: {} }, 'record');
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

function declareUpdate(fuzz: FuzzBuilder, spec: FuzzSpec, hyper: TensorId, gradients: TensorId[]): TensorId[] {
  const { builder, parameters } = fuzz;
  const like = (suffix: string): TensorId[] =>
    parameters.map((id) =>
      builder.tensor(`${builder.spec(id).name}.${suffix}`, builder.shape(id), 'f32', 'optimizerState'),
    );
  const { momentum, nesterov, weightDecay, decoupled } = spec;
  if (spec.optimizer === 'sgd') {
    const velocities = momentum === 0 ? [] : like('velocity');
    const inputs = { hyper, parameters, gradients, velocities };
    fuzz.emit({ op: 'sgdUpdate', attrs: { momentum, weightDecay, nesterov }, inputs, outputs: {} }, 'update');
    return velocities;
  }
  const firstMoments = like('firstMoment');
  const secondMoments = like('secondMoment');
  const inputs = { hyper, parameters, gradients, firstMoments, secondMoments };
  // A large eps: with a small one, Adam makes whole steps of gradients that are nothing but rounding.
  const attrs = { beta1: 0.9, beta2: 0.99, eps: 1e-2, weightDecay, decoupled };
  fuzz.emit({ op: 'adamUpdate', attrs, inputs, outputs: {} }, 'update');
  return [...firstMoments, ...secondMoments];
}

/** Writes everything that stays, once. */
export function writeInitial(executable: Executable, fuzz: FuzzPlan): void {
  for (const [id, values] of fuzz.initial) executable.write(id, values);
}
