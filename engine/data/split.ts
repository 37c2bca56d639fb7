import { EngineError } from '../errors.ts';
import { RandomStream, shuffle, streamKind } from '../random.ts';

/** Positions in the training file. */
export interface Split {
  readonly train: Int32Array;
  readonly validation: Int32Array;
}

/** 0, 1, 2 ... count - 1. */
export function range(count: number): Int32Array {
  const values = new Int32Array(count);
  for (let i = 0; i < count; i++) values[i] = i;
  return values;
}

/**
 * Divides a training file of `count` images: of its permutation drawn by `seed` the first `validation` images are held
 * out, the next `trainImages` (null: all that are left) are trained on. So more or fewer training images leave the
 * validation images as they are. Throws EngineError('data') when the file has too few images.
 */
export function splitTrainingFile(count: number, validation: number, trainImages: number | null, seed: number): Split {
  if (validation < 0 || validation >= count) {
    throw new EngineError(
      'data',
      `data.validation: ${validation} of the ${count} images of the training file are held out, which leaves none to train on. Choose fewer than ${count}.`,
    );
  }
  const rest = count - validation;
  if (trainImages !== null && (trainImages < 1 || trainImages > rest)) {
    throw new EngineError(
      'data',
      `data.trainImages: ${trainImages} images are asked for, but ${rest} are left of ${count} after ${validation} for validation. Choose 1 to ${rest}.`,
    );
  }
  const order = range(count);
  shuffle(order, new RandomStream(seed, streamKind.split));
  return {
    validation: order.slice(0, validation),
    train: order.slice(validation, validation + (trainImages ?? rest)),
  };
}
