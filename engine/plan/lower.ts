import { EngineError, type Fault } from '../errors.ts';
import type { CheckedGraph, CheckedNode } from '../graph/check.ts';
import { augmentationSize, hyperSize, randomSize, type TensorId } from '../ops/op.ts';
import { sizeOf, type Shape } from '../tensor.ts';
import { countsUpdates, optimizerState as stateNames } from '../train/optimizers.ts';
import type { GradientSettings, LossSettings, OptimizerSettings } from '../train/settings.ts';
import { missedUpdates, noUpdates, type UpdateCount } from '../train/stages.ts';
import { appendAccumulation } from './accumulate.ts';
import { appendBackward } from './backward.ts';
import { PlanBuilder } from './builder.ts';
import { lowerForward, type SharedTensors } from './forward.ts';
import { appendTrainingLoss, lossFault, lossOp } from './loss.ts';
import type { TrainingHandles, TrainingPlan } from './plan.ts';
import { gradientOps, updateOp } from './update.ts';
import { lowerProbe, type ProbeOptions } from './probe.ts';
import { verifyPlan } from './verify.ts';

export interface LowerOptions {
  /** Images per training step. */
  readonly batchSize: number;
  /** Images per run of an evaluation segment. */
  readonly evaluationBatch: number;
  /** Of one image as the model sees it, [C, H, W]; the same that the graph was checked with. */
  readonly inputShape: Shape;
  /** Of one image of the files, [C, H, W]: where it differs, images are resized. Left out: as the model sees them. */
  readonly dataShape?: Shape;
  /** Nodes whose parameters stay as they are, and what batch norms among them normalise with. Left out: none. */
  readonly frozen?: FrozenNodes;
  /** What parameters have missed in earlier steps: an optimiser that counts updates counts those of each. Left out: nothing. */
  readonly updates?: UpdateCount;
  /** Images of the training file and of the test file. */
  readonly trainImages: number;
  readonly testImages: number;
  /** Whether offset and scale have one value per pixel, or one for all. */
  readonly perFeature: boolean;
  /** Whether a matrix is multiplied on the values of each image, behind offset and scale. Left out: no. */
  readonly whitened?: boolean;
  /** Whether training images are changed on the way (op `augmentImages`). Left out: no. */
  readonly augmented?: boolean;
  /** Whether each training image is mixed with another one of its part (op `mixRows`). Left out: no. */
  readonly mixed?: boolean;
  readonly loss: LossSettings;
  readonly optimizer: OptimizerSettings;
  /** Left out: the optimiser sees the gradients as they are. */
  readonly gradient?: GradientSettings;
  /** Parts that a step's images are taken in, one after the other, with one update from all of them. Left out: 1. */
  readonly accumulate?: number;
  /** Steps that the history keeps before it starts over. */
  readonly historySlots: number;
  /** What is looked at inside the training; left out: nothing. */
  readonly probe?: ProbeOptions;
}

export interface FrozenNodes {
  readonly nodes: readonly string[];
  /** The running statistics, which then stay as they are, or the batch's, with which the running ones move. */
  readonly batchNorm: 'running' | 'batch';
}

/**
 * Turns a checked model into the static program of its training: segment 'train' is one step (gather the batch, forward, loss,
 * backward, update, record). With `accumulate` parts it is one part of it, up to the gradients, which are summed; it runs once for
 * each part, and then segment 'update' once. 'evaluateTrain' and 'evaluateTest' compute loss and hits of a batch of either file with running
 * statistics and without dropout; the evaluation loss is the plain form of the training's (loss.ts). Throws EngineError('graph')
 * for a faulty graph and one that cannot train with this loss or at this batch size.
 */
export function lowerTraining(checked: CheckedGraph, options: LowerOptions): TrainingPlan {
  refuse(faultsOf(checked, options));
  const builder = new PlanBuilder();
  const data = dataTensors(builder, options);
  const model = modelTensors(builder, checked, options.optimizer);
  const results = resultTensors(builder, checked, options);
  const { frozen } = options;
  const still = frozen?.batchNorm === 'running' ? new Set(frozen.nodes) : new Set<string>();
  const shared: StepTensors = { builder, checked, named: model.named, still, ...data };

  const lateHyper = lowerStep(shared, options, model, results);
  for (const [segment, pixels, labels] of [
    ['evaluateTrain', data.trainPixels, data.trainLabels],
    ['evaluateTest', data.testPixels, data.testLabels],
  ] as const) {
    lowerEvaluation(shared, options, segment, { pixels, labels, indices: data.evaluationIndices }, results);
  }
  const { parameters, gradients, optimizerState, buffers } = model;
  const { history, evaluationLoss, evaluationCorrect, evaluationLogits } = results;
  const handles: TrainingHandles = {
    ...data,
    lateHyper,
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
  const probe = options.probe && lowerProbe(shared, options.loss, options.probe, model);
  const { batchSize, evaluationBatch } = options;
  const accumulate = partsOf(options);
  const plan = { ...builder.build(), handles, ...(probe && { probe }), batchSize, accumulate, evaluationBatch };
  verifyPlan(plan);
  return plan;
}

function refuse(faults: readonly Fault[]): void {
  if (faults.length === 0) return;
  const message = faults.map((fault) => fault.message).join('\n');
  throw new EngineError('graph', message, faults);
}

const partsOf = ({ accumulate = 1 }: LowerOptions): number => accumulate;
const imagesPerPart = (options: LowerOptions): number => options.batchSize / partsOf(options);

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
  const parts = partsOf(options);
  if (!Number.isSafeInteger(parts) || parts < 1 || options.batchSize % parts !== 0) {
    const message = `training.accumulate takes a batch of ${options.batchSize} in ${parts} parts; choose a number from 1 that divides ${options.batchSize}.`;
    faults.push({ message });
  }
  const batch = imagesPerPart(options);
  if (options.mixed === true && batch === 1) {
    const one = parts === 1 ? 'a batch of 1' : 'a part of a batch with 1 image';
    faults.push({
      message: `data.augmentation.mixup mixes the images of a batch, but ${one} has no other to mix it with; train with ${parts === 1 ? 'batches' : 'parts'} of at least 2.`,
    });
  }
  for (const { id, layer, outputShape } of checked.nodes) {
    const overBatch = layer === 'batchNorm' || layer === 'noisyBatchNorm';
    if (!overBatch || batch * sizeOf(outputShape.slice(1)) !== 1) continue;
    const one = parts === 1 ? 'a batch of 1' : 'a part of a batch with 1 image';
    const message = `${id} normalises over the batch, but ${one} gives it a single value per feature; train with ${parts === 1 ? 'batches' : 'parts'} of at least 2.`;
    faults.push({ node: id, message });
  }
  const message = lossFault(options.loss, outputOf(checked).outputShape[0]!);
  if (message !== undefined) faults.push({ message });
  return faults;
}

const outputOf = (checked: CheckedGraph): CheckedNode => checked.nodes.find(({ id }) => id === checked.outputId)!;

type DataTensors = Pick<
  TrainingHandles,
  | 'trainPixels'
  | 'trainLabels'
  | 'testPixels'
  | 'testLabels'
  | 'offset'
  | 'scale'
  | 'classWeight'
  | 'whitening'
  | 'augmentation'
  | 'mixing'
  | 'trainIndices'
  | 'evaluationIndices'
  | 'hyper'
  | 'random'
>;

type StepTensors = SharedTensors & DataTensors;

function dataTensors(builder: PlanBuilder, options: LowerOptions): DataTensors {
  const { inputShape, dataShape = inputShape, trainImages, testImages, loss } = options;
  const weights = loss.kind === 'crossEntropy' ? loss.classWeight?.length : undefined;
  const scaling = [options.perFeature ? sizeOf(dataShape) : 1];
  return {
    trainPixels: builder.tensor('data.trainPixels', [trainImages, ...dataShape], 'u8', 'data'),
    trainLabels: builder.tensor('data.trainLabels', [trainImages], 'u8', 'data'),
    testPixels: builder.tensor('data.testPixels', [testImages, ...dataShape], 'u8', 'data'),
    testLabels: builder.tensor('data.testLabels', [testImages], 'u8', 'data'),
    offset: builder.tensor('data.offset', scaling, 'f32', 'data'),
    scale: builder.tensor('data.scale', scaling, 'f32', 'data'),
    ...(options.whitened === true && {
      whitening: builder.tensor('data.whitening', [sizeOf(inputShape), sizeOf(inputShape)], 'f32', 'data'),
    }),
    ...(weights !== undefined && { classWeight: builder.tensor('data.classWeight', [weights], 'f32', 'data') }),
    trainIndices: builder.tensor('step.trainIndices', [imagesPerPart(options)], 'i32', 'input'),
    ...(options.augmented === true && {
      augmentation: builder.tensor('step.augmentation', [imagesPerPart(options), augmentationSize], 'f32', 'input'),
    }),
    ...(options.mixed === true && {
      mixing: {
        weight: builder.tensor('step.mixingWeight', [1], 'f32', 'input'),
        partners: builder.tensor('step.partners', [imagesPerPart(options)], 'i32', 'input'),
      },
    }),
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

function bufferTensors(builder: PlanBuilder, { id, buffers }: CheckedNode, named: Map<string, TensorId>): TensorId[] {
  return buffers.map(({ name, shape, dtype }) => {
    const tensor = builder.tensor(`${id}.${name}`, shape, dtype, 'buffer', id);
    named.set(`${id}.${name}`, tensor);
    return tensor;
  });
}

type ResultTensors = Pick<TrainingHandles, 'history' | 'evaluationLoss' | 'evaluationCorrect' | 'evaluationLogits'>;

function resultTensors(builder: PlanBuilder, checked: CheckedGraph, options: LowerOptions): ResultTensors {
  const logits = [options.evaluationBatch, ...outputOf(checked).outputShape];
  return {
    history: builder.tensor('history', [options.historySlots, 2], 'f32', 'result'),
    evaluationLoss: builder.tensor('evaluation.loss', [1], 'f32', 'result'),
    evaluationCorrect: builder.tensor('evaluation.correct', [1], 'f32', 'result'),
    evaluationLogits: builder.tensor('evaluation.logits', logits, 'f32', 'result'),
  };
}

/** Segment 'train': one step. */
function lowerStep(
  shared: StepTensors,
  options: LowerOptions,
  model: ModelTensors,
  results: ResultTensors,
): TrainingHandles['lateHyper'] {
  const { builder } = shared;
  const segment = 'train';
  const { logits, targets } = lowerForward(shared, {
    segment,
    mode: 'train',
    prefix: '',
    data: { pixels: shared.trainPixels, labels: shared.trainLabels, indices: shared.trainIndices },
    logits: undefined,
  });
  const loss = builder.tensor('loss.value', [1], 'f32', 'activation');
  const dlogits = builder.tensor('loss.dlogits', builder.shape(logits), 'f32', 'activation');
  const correct = builder.tensor('loss.correct', [1], 'f32', 'activation');
  const { classWeight } = shared;
  const lossTensors = { segment, prefix: '', logits, targets, classWeight, loss, dlogits, correct };
  appendTrainingLoss(builder, options.loss, lossTensors);
  const trained = trainedOf(builder, model, options.frozen?.nodes ?? []);
  appendBackward(builder, segment, {
    seeds: [{ tensor: logits, gradient: dlogits }],
    targets: trained.parameters.map((tensor, i) => ({ tensor, gradient: trained.gradients[i]! })),
  });
  if (partsOf(options) === 1) {
    const late = appendUpdate(builder, segment, options, shared.hyper, trained);
    appendRecord(builder, segment, shared.random, [loss, correct], results.history);
    return late;
  }
  const { step, values } = appendAccumulation(builder, segment, trained.gradients, { loss, correct }, partsOf(options));
  const late = appendUpdate(builder, step, options, shared.hyper, trained);
  appendRecord(builder, step, shared.random, values, results.history);
  return late;
}

function appendRecord(
  builder: PlanBuilder,
  segment: string,
  random: TensorId,
  values: readonly TensorId[],
  history: TensorId,
): void {
  builder.op(segment, {
    op: 'record',
    attrs: {},
    inputs: { random, values, history },
    outputs: {},
    phase: 'record',
  });
}

type TrainedTensors = Pick<ModelTensors, 'parameters' | 'gradients' | 'optimizerState'>;

/** The lists without the parameters of frozen nodes, whose gradients nobody computes. */
function trainedOf(builder: PlanBuilder, model: ModelTensors, frozen: readonly string[]): TrainedTensors {
  if (frozen.length === 0) return model;
  return pickTensors(model, (tensor) => !frozen.includes(builder.spec(tensor).node!));
}

/** The lists with the parameters that are wanted. */
function pickTensors(of: TrainedTensors, isWanted: (parameter: TensorId) => boolean): TrainedTensors {
  const wanted = of.parameters.map(isWanted);
  const pick = (tensors: readonly TensorId[]): TensorId[] => tensors.filter((_tensor, i) => wanted[i]);
  return {
    parameters: pick(of.parameters),
    gradients: pick(of.gradients),
    optimizerState: of.optimizerState.map(pick),
  };
}

/** What is done to the gradients of all parameters together, then the optimiser's op, once for each number of missed updates. */
function appendUpdate(
  builder: PlanBuilder,
  segment: string,
  { optimizer, gradient, updates = noUpdates }: LowerOptions,
  hyper: TensorId,
  trained: TrainedTensors,
): TrainingHandles['lateHyper'] {
  const norm = (): TensorId => builder.tensor('gradient.norm', [1], 'f32', 'result');
  const before = gradient === undefined ? [] : gradientOps(gradient, trained, norm);
  for (const body of before) builder.op(segment, { ...body, phase: 'update' });
  const missedBy = (parameter: TensorId): number => {
    const { node, name } = builder.spec(parameter);
    return countsUpdates(optimizer) ? missedUpdates(updates, node!, name) : 0;
  };
  const late: { missed: number; tensor: TensorId }[] = [];
  for (const count of new Set(trained.parameters.map(missedBy))) {
    const { optimizerState: state, ...lists } = pickTensors(trained, (parameter) => missedBy(parameter) === count);
    const own = count === 0 ? hyper : builder.tensor(`step.hyper.late${count}`, [hyperSize], 'f32', 'input');
    if (count > 0) late.push({ missed: count, tensor: own });
    builder.op(segment, { ...updateOp(optimizer, { ...lists, hyper: own, state }), phase: 'update' });
  }
  return late;
}

function lowerEvaluation(
  shared: StepTensors,
  options: LowerOptions,
  segment: 'evaluateTrain' | 'evaluateTest',
  data: { readonly pixels: TensorId; readonly labels: TensorId; readonly indices: TensorId },
  results: ResultTensors,
): void {
  const { builder } = shared;
  const { logits, targets } = lowerForward(shared, {
    segment,
    mode: 'evaluate',
    prefix: `${segment}/`,
    data,
    logits: results.evaluationLogits,
  });
  const { target } = targets;
  const lossTensors = { logits, target, classWeight: shared.classWeight, loss: results.evaluationLoss };
  builder.op(segment, lossOp(options.loss, 'evaluate', lossTensors));
  builder.op(segment, {
    op: 'countCorrect',
    attrs: {},
    inputs: { logits, target },
    outputs: { correct: results.evaluationCorrect },
    phase: 'loss',
  });
}
