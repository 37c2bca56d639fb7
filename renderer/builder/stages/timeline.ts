/**
 * Geometry and edits of the stages of a run, apart from how they are drawn. Lengths keep their unit; a stage is never shorter
 * than one epoch or one step.
 */
import type { StageSettings } from '../../../engine/index.ts';

export type Stage = StageSettings;

/** A stage on the line, as shares of the whole. */
export interface Segment {
  readonly index: number;
  readonly left: number;
  readonly width: number;
  /** Of the largest image size. */
  readonly height: number;
  readonly size: number;
  readonly steps: number;
  /** Compute relative to the same images at the largest size: pixels against pixels. */
  readonly cost: number;
}

export const smallestImage = 4;
export const largestImage = 256;

/** The longer side of a stage's images. */
export const sizeOfStage = ({ imageSize }: Pick<Stage, 'imageSize'>, native: number): number =>
  imageSize === null ? native : Math.max(...imageSize);

const amountOf = ({ length }: Pick<Stage, 'length'>): number => ('steps' in length ? length.steps : length.epochs);

/** Steps of a stage, as the lab counts them. */
export function stepsOfStage(stage: Pick<Stage, 'length' | 'batchSize'>, trainImages: number): number {
  const { length, batchSize } = stage;
  if ('steps' in length) return length.steps;
  return Math.max(1, Math.round(length.epochs * Math.floor(trainImages / batchSize)));
}

/** Widths are shares of the images seen, so that a stage is as wide as the work it does, pixels aside. */
export function segmentsOf(stages: readonly Stage[], trainImages: number, native: number): Segment[] {
  const steps = stages.map((stage) => stepsOfStage(stage, trainImages));
  const images = stages.map((stage, i) => steps[i]! * stage.batchSize);
  const total = images.reduce((sum, each) => sum + each, 0) || 1;
  const sizes = stages.map((stage) => sizeOfStage(stage, native));
  const most = Math.max(...sizes, 1);
  let left = 0;
  return stages.map((_, index) => {
    const width = images[index]! / total;
    const size = sizes[index]!;
    const segment = { index, left, width, height: size / most, size, steps: steps[index]!, cost: (size / most) ** 2 };
    left += width;
    return segment;
  });
}

function withAmount(stage: Stage, amount: number): Stage {
  return 'steps' in stage.length
    ? { ...stage, length: { steps: Math.max(1, Math.round(amount)) } }
    : { ...stage, length: { epochs: Math.max(0.5, Math.round(amount * 2) / 2) } };
}

/**
 * Moves the boundary behind stage `index` by `share` of the whole line: what one stage gains the next one loses, in images.
 * Epochs move by halves.
 */
export function moveBoundary(stages: readonly Stage[], index: number, share: number, trainImages: number): Stage[] {
  const before = stages[index];
  const after = stages[index + 1];
  if (!before || !after) return [...stages];
  const images = (stage: Stage): number => stepsOfStage(stage, trainImages) * stage.batchSize;
  const total = stages.reduce((sum, stage) => sum + images(stage), 0);
  const perUnit = (stage: Stage): number => images(stage) / amountOf(stage);
  const moved = Math.min(
    Math.max(share * total, smallest(before) * perUnit(before) - images(before)),
    images(after) - smallest(after) * perUnit(after),
  );
  const next = [...stages];
  next[index] = withAmount(before, (images(before) + moved) / perUnit(before));
  next[index + 1] = withAmount(after, (images(after) - moved) / perUnit(after));
  return next;
}

const smallest = (stage: Stage): number => ('steps' in stage.length ? 1 : 0.5);

/** Adds to the length of one stage, in its unit. */
export function lengthen(stages: readonly Stage[], index: number, by: number): Stage[] {
  return stages.map((stage, i) => (i === index ? withAmount(stage, amountOf(stage) + by) : stage));
}

/** Gives a stage square images of `size` pixels; the data set's own size is written as null. */
export function resize(stages: readonly Stage[], index: number, size: number, native: number): Stage[] {
  const clamped = Math.min(largestImage, Math.max(smallestImage, Math.round(size)));
  const imageSize = clamped === native ? null : ([clamped, clamped] as const);
  return stages.map((stage, i) => (i === index ? { ...stage, imageSize } : stage));
}

/** Divides a stage in the middle. */
export function split(stages: readonly Stage[], index: number): Stage[] {
  const stage = stages[index];
  if (!stage) return [...stages];
  const half = amountOf(stage) / 2;
  return [
    ...stages.slice(0, index),
    withAmount(stage, 'steps' in stage.length ? Math.ceil(half) : half),
    withAmount(stage, 'steps' in stage.length ? Math.floor(half) : half),
    ...stages.slice(index + 1),
  ];
}

/** Takes a stage out; its length goes to the one before it, or behind it. The last stage stays. */
export function remove(stages: readonly Stage[], index: number): Stage[] {
  if (stages.length <= 1 || stages[index] === undefined) return [...stages];
  const heir = index > 0 ? index - 1 : index + 1;
  const sameUnit = 'steps' in stages[heir]!.length === 'steps' in stages[index].length;
  return stages.flatMap((stage, i) => {
    if (i === index) return [];
    return [i === heir && sameUnit ? withAmount(stage, amountOf(stage) + amountOf(stages[index]!)) : stage];
  });
}

/** Stages of growing images for a run without any: half, about 70 % and all of the size, a third of the length each. */
export function progressive(whole: Pick<Stage, 'length' | 'batchSize'>, native: number): Stage[] {
  const sizes = [native / 2, native / Math.SQRT2, native].map((size) =>
    Math.max(smallestImage, Math.round(size / 2) * 2),
  );
  return sizes.map((size, i) => {
    const stage: Stage = {
      ...whole,
      imageSize: i === sizes.length - 1 ? null : [size, size],
      learningRateFactor: 1,
      augmentationStrength: 1,
      frozen: [],
      frozenBatchNorm: 'running',
    };
    // rounded at its ends, so that the stages together are as long as the whole
    const part = (end: number): number => amountOf(withAmount(stage, (amountOf(stage) * end) / sizes.length));
    return withAmount(stage, i === 0 ? part(1) : part(i + 1) - part(i));
  });
}
