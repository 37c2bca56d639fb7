import { EngineError, type Fault } from '../errors.ts';
import type { CheckedGraph, CheckedNode } from '../graph/check.ts';
import { hyperSize, randomSize, type TensorId } from '../ops/op.ts';
import { sizeOf, type Shape } from '../tensor.ts';
import type { LossSettings, OptimizerSettings } from '../train/settings.ts';
import { appendBackward } from './backward.ts';
import { PlanBuilder } from './builder.ts';
import { lowerForward, type SharedTensors } from './forward.ts';
import type { TrainingHandles, TrainingPlan } from './plan.ts';
import { verifyPlan } from './verify.ts';

export interface LowerOptions {
  /** Images per training step. */
  readonly batchSize: number;
  /** Images per run of an evaluation segment. */
  readonly evaluationBatch: number;
  /** Of one image, [C, H, W]; the same that the graph was checked with. */
  readonly inputShape: Shape;
  /** Images of the training file and of the test file. */
  readonly trainImages: number;
  readonly testImages: number;
  /** Whether offset and scale have one value per pixel, or one for all. */
  readonly perFeature: boolean;
  readonly loss: LossSettings;
  readonly optimizer: OptimizerSettings;
  /** Steps that the history keeps before it starts over. */
  readonly historySlots: number;
}

/**
 * Turns a checked model into the static program of its training: segment 'train' is one step (gather the batch, forward, loss,
 * backward, update, record), 'evaluateTrain' and 'evaluateTest' compute loss and hits of a batch of either file with running
 * statistics and without dropout. The evaluation loss is the plain cross entropy, without label smoothing, so that runs with
 * different smoothing can be compared. Throws EngineError('graph') for a faulty graph and one that cannot train at this batch
 * size.
 */
export function lowerTraining(checked: CheckedGraph, options: LowerOptions): TrainingPlan {
  refuse(faultsOf(checked, options));
  const builder = new PlanBuilder();
  const data = dataTensors(builder, options);
  const model = modelTensors(builder, checked, options.optimizer);
  const results = resultTensors(builder, checked, options);
  const shared: SharedTensors = { builder, checked, named: model.named, ...data };

  lowerStep(shared, options, model, results);
  for (const [segment, pixels, labels] of [
    ['evaluateTrain', data.trainPixels, data.trainLabels],
    ['evaluateTest', data.testPixels, data.testLabels],
  ] as const) {
    lowerEvaluation(shared, segment, { pixels, labels, indices: data.evaluationIndices }, results);
  }
  const { parameters, gradients, optimizerState, buffers } = model;
  const { history, evaluationLoss, evaluationCorrect, evaluationLogits } = results;
  const handles: TrainingHandles = {
    ...data,
    history,
    historySlots: options.historySlots,
    evaluationLoss,
    evaluationCorrect,
    evaluationLogits,
    parameters,
    gradients,
    optimizerState,
    buffers,
  };
  const plan = { ...builder.build(), handles, batchSize: options.batchSize, evaluationBatch: options.evaluationBatch };
  verifyPlan(plan);
  return plan;
}

function refuse(faults: readonly Fault[]): void {
  if (faults.length === 0) return;
  const message = faults.map((fault) => fault.message).join('\n');
  throw new EngineError('graph', message, faults);
}

function faultsOf(checked: CheckedGraph, options: LowerOptions): readonly Fault[] {
  if (!checked.ok) return checked.faults;
  const faults: Fault[] = [];
  const { inputShape } = options;
  if (inputShape.length !== 3) {
    faults.push({ message: `Images have three axes [C, H, W]; this data set gives ${inputShape.join('×')}.` });
  }
  for (const name of ['batchSize', 'evaluationBatch', 'trainImages', 'testImages', 'historySlots'] as const) {
    const value = options[name];
    if (Number.isSafeInteger(value) && value >= 1) continue;
    faults.push({ message: `${name} is ${value}; it takes a whole number from 1.` });
  }
  for (const { id, layer, outputShape } of checked.nodes) {
    if (layer !== 'batchNorm' || options.batchSize * sizeOf(outputShape.slice(1)) !== 1) continue;
    const message = `${id} normalises over the batch, but a batch of 1 gives it a single value per feature; train with batches of at least 2.`;
    faults.push({ node: id, message });
  }
  return faults;
}

type DataTensors = Pick<
  TrainingHandles,
  | 'trainPixels'
  | 'trainLabels'
  | 'testPixels'
  | 'testLabels'
  | 'offset'
  | 'scale'
  | 'trainIndices'
  | 'evaluationIndices'
  | 'hyper'
  | 'random'
>;

function dataTensors(builder: PlanBuilder, options: LowerOptions): DataTensors {
  const { inputShape, trainImages, testImages } = options;
  const scaling = [options.perFeature ? sizeOf(inputShape) : 1];
  return {
    trainPixels: builder.tensor('data.trainPixels', [trainImages, ...inputShape], 'u8', 'data'),
    trainLabels: builder.tensor('data.trainLabels', [trainImages], 'u8', 'data'),
    testPixels: builder.tensor('data.testPixels', [testImages, ...inputShape], 'u8', 'data'),
    testLabels: builder.tensor('data.testLabels', [testImages], 'u8', 'data'),
    offset: builder.tensor('data.offset', scaling, 'f32', 'data'),
    scale: builder.tensor('data.scale', scaling, 'f32', 'data'),
    trainIndices: builder.tensor('step.trainIndices', [options.batchSize], 'i32', 'input'),
    evaluationIndices: builder.tensor('step.evaluationIndices', [options.evaluationBatch], 'i32', 'input'),
    hyper: builder.tensor('step.hyper', [hyperSize], 'f32', 'input'),
    random: builder.tensor('step.random', [randomSize], 'i32', 'input'),
  };
}

interface ModelTensors {
  readonly parameters: readonly TensorId[];
  readonly gradients: readonly TensorId[];
  readonly optimizerState: readonly (readonly TensorId[])[];
  readonly buffers: readonly TensorId[];
  /** Parameters and buffers by "<node>.<name>". */
  readonly named: ReadonlyMap<string, TensorId>;
}

/** Parameters, gradients and state, each list as a block and in the order of the document. */
function modelTensors(builder: PlanBuilder, checked: CheckedGraph, optimizer: OptimizerSettings): ModelTensors {
  const nodes = [...checked.nodes].sort((a, b) => a.place - b.place);
  const specs = nodes.flatMap(({ id, parameters }) =>
    parameters.map(({ name, shape }) => ({ node: id, name: `${id}.${name}`, shape })),
  );
  const block = (suffix: string, role: 'parameter' | 'gradient' | 'optimizerState'): TensorId[] =>
    specs.map(({ node, name, shape }) => builder.tensor(`${name}${suffix}`, shape, 'f32', role, node));
  const parameters = block('', 'parameter');
  const gradients = block('.grad', 'gradient');
  const optimizerState = stateNames(optimizer).map((name) => block(`.${name}`, 'optimizerState'));
  const named = new Map(specs.map(({ name }, i) => [name, parameters[i]!]));
  const buffers = nodes.flatMap((node) => bufferTensors(builder, node, named));
  return { parameters, gradients, optimizerState, buffers, named };
}

function stateNames(optimizer: OptimizerSettings): readonly string[] {
  if (optimizer.kind === 'adam') return ['firstMoment', 'secondMoment'];
  return optimizer.momentum === 0 ? [] : ['velocity'];
}

function bufferTensors(builder: PlanBuilder, { id, buffers }: CheckedNode, named: Map<string, TensorId>): TensorId[] {
  return buffers.map(({ name, shape, dtype }) => {
    const tensor = builder.tensor(`${id}.${name}`, shape, dtype, 'buffer', id);
    named.set(`${id}.${name}`, tensor);
    return tensor;
  });
}

type ResultTensors = Pick<TrainingHandles, 'history' | 'evaluationLoss' | 'evaluationCorrect' | 'evaluationLogits'>;

function resultTensors(builder: PlanBuilder, checked: CheckedGraph, options: LowerOptions): ResultTensors {
  const output = checked.nodes.find(({ id }) => id === checked.outputId)!;
  const logits = [options.evaluationBatch, ...output.outputShape];
  return {
    history: builder.tensor('history', [options.historySlots, 2], 'f32', 'result'),
    evaluationLoss: builder.tensor('evaluation.loss', [1], 'f32', 'result'),
    evaluationCorrect: builder.tensor('evaluation.correct', [1], 'f32', 'result'),
    evaluationLogits: builder.tensor('evaluation.logits', logits, 'f32', 'result'),
  };
}

/** Segment 'train': one step. */
function lowerStep(shared: SharedTensors, options: LowerOptions, model: ModelTensors, results: ResultTensors): void {
  const { builder } = shared;
  const segment = 'train';
  const { logits, target } = lowerForward(shared, {
    segment,
    mode: 'train',
    prefix: '',
    data: { pixels: shared.trainPixels, labels: shared.trainLabels, indices: shared.trainIndices },
    logits: undefined,
  });
  const loss = builder.tensor('loss.value', [1], 'f32', 'activation');
  const dlogits = builder.tensor('loss.dlogits', builder.shape(logits), 'f32', 'activation');
  const correct = builder.tensor('loss.correct', [1], 'f32', 'activation');
  builder.op(segment, {
    op: 'softmaxCrossEntropy',
    attrs: { reduction: 'mean', labelSmoothing: options.loss.labelSmoothing },
    inputs: { logits, target },
    outputs: { loss, dlogits },
    phase: 'loss',
  });
  builder.op(segment, {
    op: 'countCorrect',
    attrs: {},
    inputs: { logits, target },
    outputs: { correct },
    phase: 'loss',
  });
  appendBackward(builder, segment, {
    seeds: [{ tensor: logits, gradient: dlogits }],
    targets: model.parameters.map((tensor, i) => ({ tensor, gradient: model.gradients[i]! })),
  });
  appendUpdate(builder, segment, options.optimizer, shared.hyper, model);
  builder.op(segment, {
    op: 'record',
    attrs: {},
    inputs: { random: shared.random, values: [loss, correct], history: results.history },
    outputs: {},
    phase: 'record',
  });
}

function appendUpdate(
  builder: PlanBuilder,
  segment: string,
  optimizer: OptimizerSettings,
  hyper: TensorId,
  { parameters, gradients, optimizerState }: ModelTensors,
): void {
  const [first = [], second = []] = optimizerState;
  if (optimizer.kind === 'adam') {
    const { beta1, beta2, eps, weightDecay, decoupled } = optimizer;
    builder.op(segment, {
      op: 'adamUpdate',
      attrs: { beta1, beta2, eps, weightDecay, decoupled },
      inputs: { hyper, parameters, gradients, firstMoments: first, secondMoments: second },
      outputs: {},
      phase: 'update',
    });
    return;
  }
  const { momentum, weightDecay, nesterov } = optimizer;
  builder.op(segment, {
    op: 'sgdUpdate',
    attrs: { momentum, weightDecay, nesterov },
    inputs: { hyper, parameters, gradients, velocities: first },
    outputs: {},
    phase: 'update',
  });
}

function lowerEvaluation(
  shared: SharedTensors,
  segment: 'evaluateTrain' | 'evaluateTest',
  data: { readonly pixels: TensorId; readonly labels: TensorId; readonly indices: TensorId },
  results: ResultTensors,
): void {
  const { builder } = shared;
  const { logits, target } = lowerForward(shared, {
    segment,
    mode: 'evaluate',
    prefix: `${segment}/`,
    data,
    logits: results.evaluationLogits,
  });
  builder.op(segment, {
    op: 'softmaxCrossEntropy',
    attrs: { reduction: 'sum', labelSmoothing: 0 },
    inputs: { logits, target },
    outputs: { loss: results.evaluationLoss },
    phase: 'loss',
  });
  builder.op(segment, {
    op: 'countCorrect',
    attrs: {},
    inputs: { logits, target },
    outputs: { correct: results.evaluationCorrect },
    phase: 'loss',
  });
}
