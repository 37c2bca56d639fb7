import type { DatasetRecord } from '../contract/records.ts';
import type { Spec } from '../spec/schema.ts';

const words: Readonly<Record<Spec['data']['preprocessing'], string>> = {
  raw: 'their values 0 to 255 as they are',
  unit: 'their values divided by 255',
  standardise: 'their values minus the mean and divided by the standard deviation of each channel',
  standardiseFeatures: 'their values minus the mean and divided by the standard deviation of each pixel',
  pcaWhitening: 'their values minus the mean of each pixel, divided by 255',
  zcaWhitening: 'their values minus the mean of each pixel, divided by 255',
};

/** How pixels of a data set become what the network reads, as a sentence; and whether any of it is fitted to the training images. */
export function preprocessingWords(
  { preprocessing, whiteningEps }: Spec['data'],
  dataset: Pick<DatasetRecord, 'imageShape'>,
  inputShape: readonly number[],
): { readonly text: string; readonly fitted: boolean } {
  const fitted = preprocessing !== 'raw' && preprocessing !== 'unit';
  const stored = dataset.imageShape.join('×');
  const seen = inputShape.join('×');
  const kind = preprocessing === 'pcaWhitening' ? 'PCA' : preprocessing === 'zcaWhitening' ? 'ZCA' : null;
  const steps = [
    words[preprocessing],
    ...(seen === stored ? [] : [`resized to ${seen} (bilinear, antialiased)`]),
    ...(kind === null ? [] : [`multiplied by the ${kind} whitening matrix of such images (eps ${whiteningEps})`]),
  ];
  return {
    text: `images of ${stored}, ${steps.join(', then ')}${fitted ? '; all fitted to the training images' : ''}.`,
    fitted,
  };
}
