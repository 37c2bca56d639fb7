import type { DiagnosticsSettings } from '../diagnostics/settings.ts';
import type { CheckedNode } from '../graph/check.ts';
import { layers } from '../layers/index.ts';
import { inPlaceOf } from '../ops/index.ts';
import { augmentationSize, compareSize, statisticCount, type TensorId } from '../ops/op.ts';
import { withOperands } from '../ops/operands.ts';
import type { LossSettings } from '../train/settings.ts';
import { appendBackward } from './backward.ts';
import type { PlanBuilder } from './builder.ts';
import { lowerForward, type SharedTensors } from './forward.ts';
import { appendTrainingLoss } from './loss.ts';
import type { TrainingHandles } from './plan.ts';

export type ProbeOptions = Pick<DiagnosticsSettings, 'layers' | 'kinds' | 'measures' | 'histogram'>;

/** The percentiles that are kept: the band of Ioffe & Szegedy's figure 1. */
export const probePercentiles = [15, 50, 85] as const;
/** As near to a limit of sigmoid or tanh counts as saturated; saturation.ts has the same default. */
const saturationMargin = 0.05;

/** Values of one tensor that `summarise` looks at; the outputs are results of segment 'probe'. */
export interface ProbeTap {
  readonly node: string;
  readonly of: 'activation' | 'gradient';
  readonly statistics: TensorId;
  readonly percentiles?: TensorId;
  readonly histogram?: TensorId;
  /** Of a ReLU the zeros of each unit, of sigmoid and tanh the values of each unit that are not saturated. */
  readonly inside?: { readonly tensor: TensorId; readonly counts: 'zeros' | 'unsaturated'; readonly units: number };
  /** Values per unit in a batch. */
  readonly perUnit: number;
}

export interface ProbeHandles {
  readonly taps: readonly ProbeTap[];
  readonly bins: number;
  /** compare(weights before the step, after it), results of segment 'probeAfter'. */
  readonly updates: readonly { readonly node: string; readonly result: TensorId }[];
  /** Copies, f32 [C] each, of the batch's and the moving statistics before the step. */
  readonly batchNorms: readonly {
    readonly node: string;
    readonly eps: number;
    readonly channels: number;
    readonly batchMean: TensorId;
    readonly batchVar: TensorId;
    readonly runningMean: TensorId;
    readonly runningVar: TensorId;
  }[];
  /** Norms of the gradient of all parameters: on the whole batch ('probe'), and on as many images as `indices` has ('probeHalf'). */
  readonly noise?: {
    readonly indices: TensorId;
    /** What happens to those images, where the step changes them: f32 [images, augmentationSize]. */
    readonly augmentation?: TensorId;
    readonly images: number;
    readonly whole: readonly TensorId[];
    readonly half: readonly TensorId[];
  };
  /** compare(gradient before, gradient once the layers below have made their step), a segment each, run behind 'train'. */
  readonly shifts: readonly { readonly node: string; readonly segment: string; readonly result: TensorId }[];
}

type Model = Pick<TrainingHandles, 'parameters'>;
type Shared = SharedTensors & Pick<TrainingHandles, 'classWeight'>;

/**
 * Appends what looks into the training: segment 'probe' computes the step's forward and backward pass a second time, on the same
 * batch and with the same random numbers, into tensors of its own, and summarises them. The training step itself stays as it
 * is, which is why its result cannot depend on being watched. 'probe' runs before 'train', the other segments behind it.
 */
export function lowerProbe(shared: Shared, loss: LossSettings, options: ProbeOptions, model: Model): ProbeHandles {
  const { builder } = shared;
  const wants = (measure: ProbeOptions['measures'][number]): boolean => options.measures.includes(measure);
  const watched = watchedNodes(shared.checked.nodes, options);
  const weights = watched.flatMap((node) => {
    const spec = node.parameters[0];
    const tensor = spec && shared.named.get(`${node.id}.${spec.name}`);
    return tensor === undefined || !model.parameters.includes(tensor) ? [] : [{ node: node.id, tensor }];
  });
  const before = keepWeights(builder, weights, wants('updates') || wants('gradientShift'), shared);
  const targets = wants('noiseScale') ? model.parameters : weights.map(({ tensor }) => tensor);
  const needsGradients = wants('gradients') || wants('noiseScale') || wants('gradientShift');
  const lasting = wants('gradientShift') ? new Set(weights.map(({ tensor }) => tensor)) : new Set<TensorId>();
  const gradients = appendPass(shared, loss, {
    segment: 'probe',
    indices: shared.trainIndices,
    parameter: (tensor) => tensor,
    targets: needsGradients ? targets : [],
    lasting,
  });
  if (before.length > 0) {
    const [from, to] = [before.map((each) => each.tensor), before.map((each) => each.kept)];
    builder.op('probe', { op: 'copy', attrs: {}, inputs: { from, to }, outputs: {}, phase: 'probe' });
  }
  const taps = [
    ...(wants('activations') ? watched.flatMap((node) => tapActivation(builder, node, options)) : []),
    ...(wants('gradients') ? weights.flatMap((weight) => tapGradient(builder, weight, gradients, options)) : []),
  ];
  const updates = wants('updates')
    ? weights.map(({ node, tensor }) => {
        const kept = before.find((each) => each.tensor === tensor)!.kept;
        return { node, result: compareOp(builder, 'probeAfter', `update/${node}`, kept, tensor) };
      })
    : [];
  const shifts = wants('gradientShift') ? lowerShifts(shared, loss, weights, before, gradients) : [];
  return {
    taps,
    bins: options.histogram.bins,
    updates,
    batchNorms: wants('batchNorm') ? watched.flatMap((node) => keepStatistics(shared, node)) : [],
    ...(wants('noiseScale') && { noise: lowerNoise(shared, loss, model, gradients) }),
    shifts,
  };
}

/** Nodes that are looked at, in the order of the graph. */
export function watchedNodes(nodes: readonly CheckedNode[], { layers: ids, kinds }: ProbeOptions): CheckedNode[] {
  const usual = new Set(['linear', 'normalisation', 'activation']);
  return nodes.filter(({ id, layer }) => {
    if (ids !== null) return ids.includes(id);
    return kinds === null ? usual.has(layers[layer].category) : kinds.includes(layer);
  });
}

interface Weight {
  readonly node: string;
  readonly tensor: TensorId;
}

/** Room for the weights as they are before the step; for a shift of gradients, of all parameters. */
function keepWeights(
  builder: PlanBuilder,
  weights: readonly Weight[],
  wanted: boolean,
  { named }: Shared,
): { readonly tensor: TensorId; readonly kept: TensorId }[] {
  if (!wanted) return [];
  const parameters = new Set(weights.map(({ tensor }) => tensor));
  for (const tensor of named.values()) if (builder.spec(tensor).role === 'parameter') parameters.add(tensor);
  return [...parameters].map((tensor) => {
    const { name, shape, node } = builder.spec(tensor);
    return { tensor, kept: builder.tensor(`probe/${name}.before`, shape, 'f32', 'buffer', node) };
  });
}

interface PassOptions {
  readonly segment: string;
  /** In front of the names of its tensors. Left out: the segment and a slash. */
  readonly prefix?: string;
  readonly indices: TensorId;
  /** What stands in for a parameter. */
  readonly parameter: (tensor: TensorId) => TensorId;
  readonly targets: readonly TensorId[];
  /** Targets whose gradients outlive the segment. */
  readonly lasting: ReadonlySet<TensorId>;
}

/** A step's forward and backward pass into tensors of its own; running statistics stay as they are. Gradients by target. */
function appendPass(shared: Shared, loss: LossSettings, options: PassOptions): Map<TensorId, TensorId> {
  const { builder } = shared;
  const { segment, targets, lasting, prefix = `${segment}/` } = options;
  const named = new Map([...shared.named].map(([name, tensor]) => [name, options.parameter(tensor)]));
  const { logits, targets: labels } = lowerForward(
    { ...shared, named },
    {
      segment,
      mode: 'train',
      prefix,
      data: { pixels: shared.trainPixels, labels: shared.trainLabels, indices: options.indices },
      logits: undefined,
    },
  );
  shelterBuffers(builder, segment, prefix);
  const gradients = new Map<TensorId, TensorId>();
  if (targets.length === 0) return gradients;
  const dlogits = builder.tensor(`${prefix}loss.dlogits`, builder.shape(logits), 'f32', 'activation');
  const value = builder.tensor(`${prefix}loss.value`, [1], 'f32', 'activation');
  const { classWeight } = shared;
  appendTrainingLoss(builder, loss, { segment, prefix, logits, targets: labels, classWeight, loss: value, dlogits });
  for (const tensor of targets) {
    const { name, shape, node } = builder.spec(tensor);
    const role = lasting.has(tensor) ? 'gradient' : 'activation';
    gradients.set(tensor, builder.tensor(`${prefix}${name}.grad`, shape, 'f32', role, node));
  }
  appendBackward(builder, segment, {
    seeds: [{ tensor: logits, gradient: dlogits }],
    targets: targets.map((tensor) => ({ tensor: options.parameter(tensor), gradient: gradients.get(tensor)! })),
  });
  return gradients;
}

/** What the pass would change in place (running statistics) is changed in tensors that nobody reads. */
function shelterBuffers(builder: PlanBuilder, segment: string, prefix: string): void {
  builder.rewrite(segment, (instance) => {
    const changed = new Set(inPlaceOf(instance));
    if (changed.size === 0) return instance;
    return withOperands(instance, (tensor) => {
      if (!changed.has(tensor)) return tensor;
      const { name, shape, dtype, node } = builder.spec(tensor);
      const own = `${prefix}${name}.sheltered`;
      return builder.find(own) ?? builder.tensor(own, shape, dtype, 'buffer', node);
    });
  });
}

function tapActivation(builder: PlanBuilder, node: CheckedNode, options: ProbeOptions): ProbeTap[] {
  const x = builder.find(`probe/${node.id}.y`);
  if (x === undefined) return [];
  const limits = insideOf[node.layer];
  const [samples, units] = builder.shape(x) as [number, number];
  const perUnit = (samples * node.outputShape.reduce((product, extent) => product * extent, 1)) / units;
  const range = options.histogram.range ?? rangeOf[node.layer] ?? null;
  const inside = limits && {
    tensor: builder.tensor(`probe/${node.id}.inside`, [units], 'i32', 'result', node.id),
    counts: limits.counts,
    units,
  };
  const outputs = {
    ...tapTensors(builder, `probe/${node.id}`, node.id, options.histogram.bins),
    percentiles: builder.tensor(`probe/${node.id}.percentiles`, [probePercentiles.length], 'f32', 'result', node.id),
  };
  builder.op('probe', {
    op: 'summarise',
    attrs: { percentiles: probePercentiles, bins: options.histogram.bins, range, inside: limits?.range ?? null },
    inputs: { x },
    outputs: { ...outputs, ...(inside && { inside: inside.tensor }) },
    phase: 'probe',
    node: node.id,
  });
  return [{ node: node.id, of: 'activation', ...outputs, ...(inside && { inside }), perUnit }];
}

const margin = saturationMargin;
const insideOf: Partial<Record<string, { range: readonly [number, number]; counts: 'zeros' | 'unsaturated' }>> = {
  relu: { range: [0, 0], counts: 'zeros' },
  sigmoid: { range: [margin, 1 - margin], counts: 'unsaturated' },
  tanh: { range: [margin - 1, 1 - margin], counts: 'unsaturated' },
};
const rangeOf: Partial<Record<string, readonly [number, number]>> = { sigmoid: [0, 1], tanh: [-1, 1] };

function tapGradient(
  builder: PlanBuilder,
  { node, tensor }: Weight,
  gradients: ReadonlyMap<TensorId, TensorId>,
  { histogram }: ProbeOptions,
): ProbeTap[] {
  const x = gradients.get(tensor)!;
  const outputs = tapTensors(builder, `probe/${node}.gradient`, node, histogram.bins);
  const attrs = { percentiles: [], bins: histogram.bins, range: null, inside: null };
  builder.op('probe', { op: 'summarise', attrs, inputs: { x }, outputs, phase: 'probe', node });
  return [{ node, of: 'gradient', ...outputs, perUnit: 0 }];
}

function tapTensors(
  builder: PlanBuilder,
  name: string,
  node: string,
  bins: number,
): { statistics: TensorId; histogram: TensorId } {
  return {
    statistics: builder.tensor(`${name}.statistics`, [statisticCount], 'f32', 'result', node),
    histogram: builder.tensor(`${name}.histogram`, [bins + 2], 'i32', 'result', node),
  };
}

function compareOp(builder: PlanBuilder, segment: string, name: string, a: TensorId, b: TensorId): TensorId {
  const result = builder.tensor(`${segment}/${name}`, [compareSize], 'f32', 'result');
  builder.op(segment, { op: 'compare', attrs: {}, inputs: { a, b }, outputs: { result }, phase: 'probe' });
  return result;
}

function keepStatistics({ builder, named }: Shared, node: CheckedNode): ProbeHandles['batchNorms'] {
  const [mean, variance] = [builder.find(`probe/${node.id}.batchMean`), builder.find(`probe/${node.id}.batchVar`)];
  const [runningMean, runningVar] = [named.get(`${node.id}.runningMean`), named.get(`${node.id}.runningVar`)];
  if (mean === undefined || variance === undefined || runningMean === undefined || runningVar === undefined) return [];
  const from = [mean, variance, runningMean, runningVar];
  const shape = builder.shape(runningMean);
  const to = ['batchMean', 'batchVar', 'runningMean', 'runningVar'].map((name) =>
    builder.tensor(`probe/${node.id}.${name}.kept`, shape, 'f32', 'buffer', node.id),
  ) as [TensorId, TensorId, TensorId, TensorId];
  builder.op('probe', { op: 'copy', attrs: {}, inputs: { from, to }, outputs: {}, phase: 'probe', node: node.id });
  const eps = typeof node.props.eps === 'number' ? node.props.eps : 0;
  return [
    {
      node: node.id,
      eps,
      channels: shape[0]!,
      batchMean: to[0],
      batchVar: to[1],
      runningMean: to[2],
      runningVar: to[3],
    },
  ];
}

/**
 * The gradient of half as many images, beside that of the whole batch. Both see the images as the step changes them. Mixed images
 * depend on one another, so that of a step that mixes both are measured on images that are not mixed.
 */
function lowerNoise(
  shared: Shared,
  loss: LossSettings,
  { parameters }: Model,
  ofStep: ReadonlyMap<TensorId, TensorId>,
): NonNullable<ProbeHandles['noise']> {
  const { builder } = shared;
  const unmixed = { ...shared, mixing: undefined };
  const whole =
    shared.mixing === undefined
      ? ofStep
      : appendPass(unmixed, loss, {
          segment: 'probe',
          prefix: 'probe/plain/',
          indices: shared.trainIndices,
          parameter: (tensor) => tensor,
          targets: parameters,
          lasting: new Set(),
        });
  const images = Math.max(1, Math.floor(builder.shape(shared.trainIndices)[0]! / 2));
  const indices = builder.tensor('probe/indices', [images], 'i32', 'input');
  const augmentation =
    shared.augmentation && builder.tensor('probe/augmentation', [images, augmentationSize], 'f32', 'input');
  const half = appendPass({ ...unmixed, trainIndices: indices, augmentation }, loss, {
    segment: 'probeHalf',
    indices,
    parameter: (tensor) => tensor,
    targets: parameters,
    lasting: new Set(),
  });
  const norm = (segment: string, gradient: TensorId): TensorId =>
    compareOp(builder, segment, `norm/${builder.spec(gradient).name}`, gradient, gradient);
  return {
    indices,
    ...(augmentation !== undefined && { augmentation }),
    images,
    whole: parameters.map((tensor) => norm('probe', whole.get(tensor)!)),
    half: parameters.map((tensor) => norm('probeHalf', half.get(tensor)!)),
  };
}

/** Definition 2.1 of Santurkar et al. 2018, with the update that the optimiser has really made. */
function lowerShifts(
  shared: Shared,
  loss: LossSettings,
  weights: readonly Weight[],
  before: readonly { readonly tensor: TensorId; readonly kept: TensorId }[],
  gradients: ReadonlyMap<TensorId, TensorId>,
): ProbeHandles['shifts'] {
  const { builder, checked } = shared;
  const inputs = new Map(checked.nodes.map((node) => [node.id, node.inputs]));
  const kept = new Map(before.map((each) => [each.tensor, each.kept]));
  const below = (id: string, found = new Set<string>()): Set<string> => {
    for (const input of inputs.get(id) ?? []) if (!found.has(input)) below(input, found.add(input));
    return found;
  };
  return weights.flatMap(({ node, tensor }) => {
    const moved = below(node);
    const isMoved = (parameter: TensorId): boolean => moved.has(builder.spec(parameter).node ?? '');
    if (![...kept.keys()].some(isMoved)) return [];
    const segment = `shift/${node}`;
    const parameter = (each: TensorId): TensorId => (isMoved(each) ? each : (kept.get(each) ?? each));
    const after = appendPass(shared, loss, {
      segment,
      indices: shared.trainIndices,
      parameter,
      targets: [tensor],
      lasting: new Set(),
    });
    const result = compareOp(builder, segment, 'result', gradients.get(tensor)!, after.get(tensor)!);
    return [{ node, segment, result }];
  });
}
