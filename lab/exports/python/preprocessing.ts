import type { Spec } from '../../spec/schema.ts';
import { literal } from './source.ts';

type Data = Spec['data'];

/** Offset and scale that are fitted: `fit(pixels)` gives both, for x = (pixel - offset) * scale. */
const fits: Readonly<Record<Exclude<Data['preprocessing'], 'raw' | 'unit'>, string>> = {
  standardise: `
def fit_preprocessing(pixels):
    """Offset and scale of x = (pixel - offset) * scale: mean 0 and deviation 1 of every channel over the training images."""
    values = np.arange(256.0)
    counts = np.stack([np.bincount(pixels[:, channel].reshape(-1), minlength=256) for channel in range(pixels.shape[1])])
    share = counts / counts.sum(axis=1, keepdims=True)
    mean = (share * values).sum(axis=1, keepdims=True)
    deviation = np.sqrt((share * (values - mean) ** 2).sum(axis=1, keepdims=True))
    scale = 1 / np.where(deviation > 0, deviation, 1)
    return mean[:, :, None].astype(np.float32), scale[:, :, None].astype(np.float32)
`,
  standardiseFeatures: `
def fit_preprocessing(pixels):
    """Offset and scale of x = (pixel - offset) * scale: mean 0 and deviation 1 of every pixel over the training images."""
    mean, variance = pixels.mean(axis=0, dtype=np.float64), pixels.var(axis=0, dtype=np.float64)
    # a pixel that never varies becomes 0, in every image
    scale = np.where(variance > 0, 1 / np.sqrt(np.where(variance > 0, variance, 1)), 0)
    return mean.astype(np.float32), scale.astype(np.float32)
`,
  pcaWhitening: '',
  zcaWhitening: '',
};

/** `fit_preprocessing(pixels)`, where something is fitted to the training images. */
export function fitSource({ preprocessing, whiteningEps }: Data): string {
  if (preprocessing === 'raw' || preprocessing === 'unit') return '';
  if (preprocessing === 'pcaWhitening' || preprocessing === 'zcaWhitening') {
    return whitening(preprocessing === 'pcaWhitening', whiteningEps);
  }
  return fits[preprocessing];
}

const whitening = (pca: boolean, eps: number): string => `
def fit_preprocessing(pixels):
    """Mean of every pixel, and the covariance [F, F] of the training images with values 0 to 1, from sums that are exact."""
    flat = pixels.reshape(len(pixels), -1)
    products = sum(part.T @ part for part in (rows.astype(np.float64) for rows in np.array_split(flat, len(flat) // 4096 + 1)))
    mean = flat.mean(axis=0, dtype=np.float64)
    covariance = (products / len(flat) - np.outer(mean, mean)) / 255**2
    return mean.reshape(pixels.shape[1:]).astype(np.float32), covariance


def whitening_matrix(covariance):
    """${pca ? "PCA: diag(1 / sqrt(l + eps)) U', strongest direction first" : "ZCA: U diag(1 / sqrt(l + eps)) U'"}, for a covariance U diag(l) U'."""
    values, vectors = np.linalg.eigh(covariance)
    scale = 1 / np.sqrt(np.maximum(values, 0) + ${literal(eps)})
${
  pca
    ? `    # eigh sorts upwards; of the two directions of a vector, the one whose largest component is positive
    vectors, scale = vectors[:, ::-1], scale[::-1]
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(values))])
    return (vectors * scale).T.astype(np.float32)`
    : '    return ((vectors * scale) @ vectors.T).astype(np.float32)'
}
`;

/** The lines that make f32 x [n, C, H, W] of `pixels`, as they are stored or as `augment` made them, before any resizing. */
export function scaledPixels({ preprocessing }: Data): string {
  switch (preprocessing) {
    case 'raw':
      return 'pixels.astype(np.float32)';
    case 'unit':
      return 'pixels.astype(np.float32) / 255';
    case 'standardise':
    case 'standardiseFeatures':
      return '(pixels.astype(np.float32) - offset) * scale';
    case 'pcaWhitening':
    case 'zcaWhitening':
      return '(pixels.astype(np.float32) - mean) / 255';
  }
}
