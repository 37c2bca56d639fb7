import { fits } from '../data/fits.ts';
import { mostWhitened } from '../data/limits.ts';
import { fitPreprocessing, isFitted, isWhitening, Whitening, type PixelTransform } from '../data/preprocess.ts';
import { EngineError } from '../errors.ts';
import type { TrainingJob } from '../worker/protocol.ts';
import { canonical } from './jobDescription.ts';

export interface FittedData {
  readonly transform: PixelTransform;
  /** Gives the matrix that follows the transform; null: none does. */
  readonly whitening: Whitening | null;
}

/** The preprocessing of a job, fitted to the images that it trains on (positions in the training file); kept for who asks next. */
export function fitToImages({ data, seed }: Pick<TrainingJob, 'data' | 'seed'>, trainImages: Int32Array): FittedData {
  const { preprocessing, train, imageShape, whiteningEps = 0.01 } = data;
  const key = fitKey(data, seed);
  return {
    transform: fits.take(
      isFitted(preprocessing) ? key : null,
      () => fitPreprocessing(preprocessing, train.pixels, trainImages, imageShape),
      ({ offset, scale }) => offset.byteLength + scale.byteLength,
    ),
    whitening: isWhitening(preprocessing)
      ? new Whitening(preprocessing, whiteningEps, train.pixels, trainImages, imageShape, key)
      : null,
  };
}

/** Throws EngineError('data') where images of so many values would be whitened. `where`: " at the largest size of the stages". */
export function requireWhitenable({ preprocessing }: TrainingJob['data'], values: number, where = ''): void {
  if (!isWhitening(preprocessing) || values <= mostWhitened) return;
  throw new EngineError(
    'data',
    `data.preprocessing: whitening takes images of at most ${mostWhitened} values, as its time grows with the third power of that; these have ${values}${where}. Choose standardiseFeatures.`,
  );
}

/** Names what a transform is fitted to, and as what; null for data without a name. */
function fitKey(data: TrainingJob['data'], seed: number): string | null {
  const { hash, imageShape, preprocessing, validation, trainImages, split, folds } = data;
  if (hash === undefined) return null;
  return canonical({ hash, imageShape, preprocessing, validation, trainImages, split, folds, seed });
}
