import type { Spec } from '../../spec/schema.ts';
import { isInputsClass, type Needs } from '../needs.ts';
import { blanks } from '../python/augmentation.ts';
import { scaledPixels } from '../python/preprocessing.ts';
import { literal } from '../python/source.ts';

const resize = `
def resize_matrix(size, out):
    """Bilinear along one axis, [out, size]; where it shrinks, every pixel counts."""
    centre, support = (np.arange(out)[:, None] + 0.5) * size / out, max(size / out, 1)
    taps = np.maximum(0, 1 - np.abs((np.arange(size) - centre + 0.5) / support))
    return taps / taps.sum(axis=1, keepdims=True)


def resize(x, size):
    rows, columns = (resize_matrix(of, to) for of, to in zip(x.shape[2:], size))
    return np.einsum("ih,nchw,jw->ncij", rows, x, columns, optimize=True).astype(x.dtype)


`;

const resizedWhitening = `
def whitening_at(covariance, size):
    """The matrix for images that are resized first. That is linear, so both sides of their covariance are."""
    for _ in range(2):
        covariance = resize(covariance.reshape(-1, *IMAGE_SHAPE), size).reshape(len(covariance), -1).T
    return whitening_matrix(covariance)


`;

/** `to_input(pixels[, blank])`: what the network sees of stored or augmented pixels, channels last, or the class `Inputs` that does it. */
export function inputsSource(needs: Needs, { data }: Pick<Spec, 'data'>): string {
  const { resized, sizes, whitened, fitted } = needs;
  const blank = blanks(needs);
  const varies = sizes.length > 1;
  const size = literal([...sizes[0]!]);
  const own = isInputsClass(needs);
  const fittedNames = whitened ? ['mean'] : fitted ? ['offset', 'scale'] : [];
  const pixels = fittedNames.reduce((text, name) => text.replace(name, `self.${name}`), scaledPixels(data));
  const lines = [
    blank ? `x = np.where(blank, np.float32(0), ${pixels})` : `x = ${pixels}`,
    ...(resized ? [`x = resize(x, ${varies ? 'self.size' : size})`] : []),
    ...(whitened ? ['x = (x.reshape(len(x), -1) @ self.matrix.T).reshape(x.shape)'] : []),
    'return x.transpose(0, 2, 3, 1)',
  ];
  const parameter = blank ? ', blank=False' : '';
  const head = (resized ? resize.trimStart() : '') + (whitened && resized ? resizedWhitening.trimStart() : '');
  const body = (indent: string): string => lines.map((line) => `${indent}${line}`).join('\n');
  if (!own) {
    return `${head}def to_input(pixels${parameter}):
    """What the network sees of pixels [n, C, H, W], with its channels last."""
${body('    ')}
`;
  }
  const matrix = (covariance: string, at: string): string =>
    `self.matrix = ${resized ? `whitening_at(${covariance}, ${at})` : `whitening_matrix(${covariance})`}`;
  const start = [
    ...(whitened ? [`self.mean, ${varies ? 'self.covariance' : 'covariance'} = fit_preprocessing(pixels)`] : []),
    ...(fitted && !whitened ? ['self.offset, self.scale = fit_preprocessing(pixels)'] : []),
    ...(whitened && !varies ? [matrix('covariance', size)] : []),
  ];
  const begin =
    start.length > 0
      ? `
    def __init__(self, pixels):
${start.map((line) => `        ${line}`).join('\n')}
`
      : '';
  const sized = varies
    ? `
    def resize_to(self, size):
        self.size = size${whitened ? `\n        ${matrix('self.covariance', 'size')}` : ''}
`
    : '';
  return `${head}class Inputs:
    """What the network sees of pixels [n, C, H, W], with its channels last${fitted ? '; fitted to the training images alone' : ''}."""
${begin}${sized}
    def __call__(self, pixels${parameter}):
${body('        ')}
`;
}
