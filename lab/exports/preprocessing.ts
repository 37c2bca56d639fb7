import type { JobOutput, NamedTensor } from '../../engine/index.ts';
import { base64 } from '../base64.ts';
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

/** The fitted values as tensors, in the order in which they are used; images flattened as [C, H, W]. */
export function fittedTensors(
  { offset, scale, whitening }: JobOutput<'fit'>,
  { imageShape }: Pick<DatasetRecord, 'imageShape'>,
): readonly NamedTensor[] {
  const tensor = (name: string, shape: readonly number[], values: Float32Array): NamedTensor => ({
    name: `preprocessing.${name}`,
    dtype: 'f32',
    shape,
    values,
  });
  const shape = offset.length === 1 ? [1] : imageShape;
  const features = Math.sqrt(whitening?.length ?? 0);
  return [
    tensor('offset', shape, offset),
    tensor('scale', shape, scale),
    ...(whitening ? [tensor('whitening', [features, features], whitening)] : []),
  ];
}

/** The same as JSON text, for formats whose tensors belong to the network: { name: { shape, f32: base64 of little-endian bytes } }. */
export function fittedJson(tensors: readonly NamedTensor[]): string {
  const entries = tensors.map(({ name, shape, values }) => {
    const view = new DataView(new ArrayBuffer(4 * values.length));
    values.forEach((value, i) => view.setFloat32(4 * i, value, true));
    return [name, { shape, f32: base64(new Uint8Array(view.buffer)) }] as const;
  });
  return JSON.stringify(Object.fromEntries(entries));
}
