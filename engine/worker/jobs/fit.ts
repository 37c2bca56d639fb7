import type { PixelTransform } from '../../data/preprocess.ts';
import { splitTrainingFile } from '../../data/split.ts';
import { fitToImages, requireWhitenable } from '../../train/fitToImages.ts';
import type { TrainingJob } from '../protocol.ts';
import type { JobContext } from './job.ts';

export interface FitInput {
  readonly training: TrainingJob;
  /** Height and width at which images are whitened. */
  readonly imageSize: readonly [number, number];
}

/** What the preprocessing of a job is fitted to its training images as: the bits that its steps use. */
export interface Fit extends PixelTransform {
  /** f32 [F, F], multiplied on the F values of an image behind offset, scale and resizing; null: no whitening. */
  readonly whitening: Float32Array | null;
}

type FitContext = Pick<JobContext, 'progress' | 'clock'>;

/** Throws EngineError('data') for images that are too large to be whitened. */
export async function runFit({ training, imageSize }: FitInput, context: FitContext): Promise<Fit> {
  const { data, seed } = training;
  const [channels, height, width] = data.imageShape;
  requireWhitenable(data, channels * Math.max(height * width, imageSize[0] * imageSize[1]));
  const split = splitTrainingFile(data.train.labels, { ...data, seed });
  const { transform, whitening } = fitToImages(training, split.train);
  return { ...transform, whitening: (await whitening?.matrix(imageSize, nowAndThen(context))) ?? null };
}

/** Milliseconds between two messages about how far a whitening is. */
const every = 50;

/** Passes on how far it is, a few times a second: the arithmetic tells after each of its thousands of parts. */
function nowAndThen(context: FitContext): (done: number) => void {
  let last = context.clock();
  return (done) => {
    const now = context.clock();
    if (now - last < every) return;
    last = now;
    context.progress(done, 'whitening');
  };
}
