import type { Fault } from '../errors.ts';
import type { CheckedGraph } from '../graph/check.ts';
import { formatShape, type Shape } from '../tensor.ts';

/** A length in epochs or in steps. */
export type Length = { readonly epochs: number } | { readonly steps: number };

/**
 * A stretch of a run with settings of its own. Weights, running statistics, the optimiser's state, the count of steps and the
 * schedule go on from the stage before. A stage begins with a new epoch.
 */
export interface StageSettings {
  readonly length: Length;
  /** Height and width that images are resized to; null: as the data set has them. */
  readonly imageSize: readonly [height: number, width: number] | null;
  readonly batchSize: number;
  /** The rate that the schedule gives is multiplied by it. */
  readonly learningRateFactor: number;
  /** The strength of the augmentation is multiplied by it; 0: none. */
  readonly augmentationStrength: number;
  /** Nodes whose parameters stay as they are. */
  readonly frozen: readonly string[];
  /**
   * What frozen batch norms normalise with: their running statistics, which then stay as they are, or the batch's, with which the
   * running ones go on moving.
   */
  readonly frozenBatchNorm: 'running' | 'batch';
}

/** What decides the stages of a run. */
export interface StagedLength {
  readonly batchSize: number;
  /** Of a run without stages. */
  readonly length: Length;
  readonly stages?: readonly StageSettings[] | undefined;
}

/** Where a stage lies in its run. */
export interface StageSpan {
  /** Place in the list, from 0. */
  readonly index: number;
  readonly settings: StageSettings;
  readonly stepsPerEpoch: number;
  /** Completed steps before the stage and at its end. */
  readonly firstStep: number;
  readonly endStep: number;
  /** Number of its first epoch, from 0. */
  readonly firstEpoch: number;
}

/** A length in steps; at least one. Parts of an epoch are rounded to the nearest step. */
export function stepsOf(length: Length, stepsPerEpoch: number): number {
  return 'steps' in length ? length.steps : Math.max(1, Math.round(length.epochs * stepsPerEpoch));
}

/** The stages of a run; one without any is a single stage. */
export function stagesOf({ batchSize, length, stages = [] }: StagedLength): readonly StageSettings[] {
  if (stages.length > 0) return stages;
  return [
    {
      length,
      imageSize: null,
      batchSize,
      learningRateFactor: 1,
      augmentationStrength: 1,
      frozen: [],
      frozenBatchNorm: 'running',
    },
  ];
}

/** The stages one behind the other, for a training split of `trainImages` images. */
export function stageSpans(run: StagedLength, trainImages: number): readonly StageSpan[] {
  let step = 0;
  let epoch = 0;
  return stagesOf(run).map((settings, index) => {
    const stepsPerEpoch = Math.floor(trainImages / settings.batchSize);
    const span = { index, settings, stepsPerEpoch, firstStep: step, firstEpoch: epoch };
    const steps = stepsOf(settings.length, stepsPerEpoch);
    step += steps;
    epoch += Math.max(1, Math.ceil(steps / Math.max(1, stepsPerEpoch)));
    return { ...span, endStep: step };
  });
}

/** Completed steps, and where parameters have had fewer updates than these, how many fewer. */
export interface UpdateCount {
  readonly step: number;
  /** By node: steps in which it was frozen, or that a fork to which it is new had behind it. */
  readonly missed: ReadonlyMap<string, number>;
  /** By parameter, "<node>.<name>": what it has missed beside its node, as only others of the node's were taken over into a fork. */
  readonly missedAlone: ReadonlyMap<string, number>;
}

export const noUpdates: UpdateCount = { step: 0, missed: new Map(), missedAlone: new Map() };

/** Steps in which a parameter, "<node>.<name>", was not updated. */
export function missedUpdates(
  { missed, missedAlone }: Pick<UpdateCount, 'missed' | 'missedAlone'>,
  node: string,
  parameter: string,
): number {
  return (missed.get(node) ?? 0) + (missedAlone.get(parameter) ?? 0);
}

/**
 * The count after `step` completed steps of a run that goes on from `from`. A pure function of the stages, so that a resumed run counts
 * alike. Nodes that have missed nothing are left out.
 */
export function updatesAfter(step: number, stages: readonly StageSpan[], from: UpdateCount): UpdateCount {
  const missed = new Map(from.missed);
  for (const { firstStep, endStep, settings } of stages) {
    const steps = Math.min(endStep, step) - Math.max(firstStep, from.step);
    if (steps <= 0) continue;
    for (const node of new Set(settings.frozen)) missed.set(node, (missed.get(node) ?? 0) + steps);
  }
  return { step, missed, missedAlone: from.missedAlone };
}

/** The stage in which step `step` (from 1) is taken; 0 and what lies before a run: the first one. */
export function stageOfStep<S extends Pick<StageSpan, 'endStep'>>(stages: readonly S[], step: number): S {
  return stages.find(({ endStep }) => step <= endStep) ?? stages.at(-1)!;
}

/** "training.stages[1]: ", or nothing for a run without stages. */
export function stagePath(run: Pick<StagedLength, 'stages'>, index: number): string {
  return run.stages === undefined || run.stages.length === 0 ? '' : `training.stages[${index}]`;
}

/** Of one image in a stage. */
export function stageShape(imageShape: Shape, { imageSize }: Pick<StageSettings, 'imageSize'>): Shape {
  return imageSize === null ? imageShape : [imageShape[0]!, ...imageSize];
}

/**
 * What keeps the stages from sharing one set of weights, in words: a node whose parameters depend on the image size, an unknown
 * node to freeze. `checked`: the model at the size of each stage, all sound.
 */
export function stageFaults(
  stages: readonly StageSettings[],
  checked: readonly CheckedGraph[],
  imageShape: Shape,
): Fault[] {
  const faults: Fault[] = [];
  const known = new Set(checked[0]!.nodes.map(({ id }) => id));
  for (const [index, stage] of stages.entries()) {
    const path = `training.stages[${index}]`;
    for (const [i, id] of stage.frozen.entries()) {
      if (known.has(id)) continue;
      faults.push({
        message: `${path}.frozen[${i}]: the model has no node "${id}" to freeze; it has ${[...known].join(', ')}.`,
      });
    }
    const frozen = new Set(stage.frozen);
    if (checked[index]!.nodes.every(({ id, parameters }) => parameters.length === 0 || frozen.has(id))) {
      faults.push({
        message: `${path}.frozen: every layer with parameters is frozen, so nothing would be learnt; leave one out.`,
      });
    }
    if (index > 0) faults.push(...sizeFaults(index, stages, checked, imageShape));
  }
  return faults;
}

/** Tensors of another shape than in the first stage. */
function sizeFaults(
  index: number,
  stages: readonly StageSettings[],
  checked: readonly CheckedGraph[],
  imageShape: Shape,
): Fault[] {
  const first = tensorsOf(checked[0]!);
  const size = (at: number): string => stageShape(imageShape, stages[at]!).slice(1).join('×');
  const faults: Fault[] = [];
  for (const [name, { node, shape }] of tensorsOf(checked[index]!)) {
    const before = first.get(name)!;
    if (formatShape(before.shape) === formatShape(shape)) continue;
    faults.push({
      node,
      message: `training.stages[${index}].imageSize: at ${size(index)} pixels "${name}" is ${formatShape(shape)}, at ${size(0)} (training.stages[0]) it is ${formatShape(before.shape)}; a network that is trained at several sizes has the same weights at each. Put a global average pooling between the last convolution and ${node}, or train at one size.`,
    });
  }
  return faults;
}

interface NamedShape {
  readonly node: string;
  readonly shape: Shape;
}

function tensorsOf({ nodes }: CheckedGraph): Map<string, NamedShape> {
  const tensors = new Map<string, NamedShape>();
  for (const { id, parameters, buffers } of nodes) {
    for (const { name, shape } of [...parameters, ...buffers]) tensors.set(`${id}.${name}`, { node: id, shape });
  }
  return tensors;
}
