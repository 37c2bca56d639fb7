import { EngineError } from '../errors.ts';
import { RandomStream, shuffle, streamKind } from '../random.ts';
import { apportioned, byClass } from './stratify.ts';

/** Positions in the training file. */
export interface Split {
  readonly train: Int32Array;
  readonly validation: Int32Array;
}

/** Fold number `fold` (from 1) of `count`: the images that are held out for validation. */
export interface FoldSettings {
  readonly count: number;
  readonly fold: number;
}

/** How images are drawn: any alike, or of each class its share. */
export type SplitKind = 'random' | 'stratified';

export interface SplitSettings {
  /** Images held out for validation; with `folds` it counts for nothing. */
  readonly validation: number;
  /** Train on so many of the rest only; null: all. */
  readonly trainImages: number | null;
  /** Left out: 'random'. */
  readonly split?: SplitKind;
  /** Left out or null: no folds. */
  readonly folds?: FoldSettings | null;
  readonly seed: number;
}

/** Folds that a file can be divided into. */
export const mostFolds = 1000;

/** 0, 1, 2 ... count - 1. */
export function range(count: number): Int32Array {
  const values = new Int32Array(count);
  for (let i = 0; i < count; i++) values[i] = i;
  return values;
}

/** Images of fold `fold` of `count` images: folds differ by one image at most, the first ones are the larger ones. */
export function foldSize(count: number, { count: folds, fold }: FoldSettings): number {
  return Math.max(0, Math.ceil((count - (fold - 1)) / folds));
}

/** How many of a file of `count` images are held out for validation. */
export function heldOut(
  { validation, folds = null }: Pick<SplitSettings, 'validation' | 'folds'>,
  count: number,
): number {
  return Math.min(folds === null ? validation : foldSize(count, folds), count);
}

/**
 * Divides a training file into images to train on and images held out. All begins with one permutation of the file drawn by `seed`.
 *
 * - `random`: its first `validation` images are held out, the next `trainImages` (null: all that are left) are trained on.
 * - `stratified`: the same of a sequence any beginning of which has of every class its share, rounded up or down (stratify.ts). What is
 *   left is put in such a sequence anew, so that the images trained on have their shares too.
 * - folds: the permutation is dealt out, one image to each fold in turn; stratified, class by class, so that folds differ by one image of
 *   a class at most. Every image is in exactly one fold, and the folds of a seed are those of one and the same division.
 *
 * More or fewer training images leave the validation images as they are and are subsets of one another. A pure function of its
 * arguments. Throws EngineError('data') when the file has too few images.
 *
 * @param labels u8 [N], those of the training file
 */
export function splitTrainingFile(labels: Uint8Array, settings: SplitSettings): Split {
  const { split = 'random', folds = null, trainImages, seed } = settings;
  const count = labels.length;
  checkSplit(count, settings);
  const order = range(count);
  shuffle(order, new RandomStream(seed, streamKind.split));
  const [validation, rest] = folds === null ? hold(order, labels, settings) : dealt(order, labels, split, folds);
  const sequence = split === 'stratified' && trainImages !== null ? apportioned(rest, labels) : rest;
  return { validation, train: sequence.slice(0, trainImages ?? rest.length) };
}

/** Held out and left. */
type Divided = readonly [validation: Int32Array, rest: Int32Array];

function hold(order: Int32Array, labels: Uint8Array, { validation, split }: SplitSettings): Divided {
  const sequence = split === 'stratified' ? apportioned(order, labels) : order;
  return [sequence.slice(0, validation), sequence.slice(validation)];
}

function dealt(order: Int32Array, labels: Uint8Array, split: SplitKind, { count, fold }: FoldSettings): Divided {
  // one class behind the other, each in the order of the permutation
  const sequence = split === 'stratified' ? Int32Array.from(byClass(order, labels).flat()) : order;
  const own = (place: number): boolean => place % count === fold - 1;
  return [sequence.filter((_, place) => own(place)), sequence.filter((_, place) => !own(place))];
}

function checkSplit(count: number, { validation, trainImages, folds = null }: SplitSettings): void {
  if (folds !== null && (folds.count < 2 || folds.count > Math.min(count, mostFolds))) {
    throw new EngineError(
      'data',
      `data.folds.count: ${folds.count} folds of the ${count} images of the training file are asked for. Choose 2 to ${Math.min(count, mostFolds)}.`,
    );
  }
  if (folds !== null && (folds.fold < 1 || folds.fold > folds.count)) {
    throw new EngineError(
      'data',
      `data.folds.fold: there is no fold ${folds.fold} of ${folds.count}. Choose 1 to ${folds.count}.`,
    );
  }
  if (folds === null && (validation < 0 || validation >= count)) {
    throw new EngineError(
      'data',
      `data.validation: ${validation} of the ${count} images of the training file are held out, which leaves none to train on. Choose fewer than ${count}.`,
    );
  }
  const held = heldOut({ validation, folds }, count);
  const rest = count - held;
  if (trainImages !== null && (trainImages < 1 || trainImages > rest)) {
    throw new EngineError(
      'data',
      `data.trainImages: ${trainImages} images are asked for, but ${rest} are left of ${count} after ${held} for validation. Choose 1 to ${rest}.`,
    );
  }
}
