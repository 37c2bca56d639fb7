import type { Spec } from '../../spec/schema.ts';
import { blanks } from '../python/augmentation.ts';
import { fitSource, scaledPixels } from '../python/preprocessing.ts';
import { literal } from '../python/source.ts';
import { isInputsClass, type Needs } from '../needs.ts';

const resize = `
def resize(x, size):
    """Bilinear; where it shrinks, every pixel counts."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=True)


`;

const resizedWhitening = `
def whitening_at(covariance, size):
    """The matrix for images that are resized first. That is linear, so both sides of their covariance are."""
    for _ in range(2):
        rows = resize(torch.from_numpy(covariance).reshape(-1, *IMAGE_SHAPE), size)
        covariance = rows.flatten(1).T.numpy()
    return whitening_matrix(covariance)


`;

/** `to_input(pixels[, blank])`: what the network sees of stored or augmented pixels, or the class `Inputs` that does it. */
export function inputsSource(needs: Needs, { data }: Pick<Spec, 'data'>): string {
  const { resized, sizes, whitened, fitted } = needs;
  const blank = blanks(needs);
  const varies = sizes.length > 1;
  const size = literal([...sizes[0]!]);
  const own = isInputsClass(needs);
  const parameter = blank ? ', blank=False' : '';
  const fittedNames = whitened ? ['mean'] : fitted ? ['offset', 'scale'] : [];
  const pixels = fittedNames.reduce((text, name) => text.replace(name, `self.${name}`), scaledPixels(data));
  const lines: string[] = [];
  if (blank) lines.push(`x = torch.from_numpy(np.where(blank, np.float32(0), ${pixels}))`);
  else lines.push(`x = torch.from_numpy(${pixels})`);
  if (resized) lines.push(`x = resize(x, ${varies ? 'self.size' : size})`);
  if (whitened) lines.push('x = (x.flatten(1) @ self.matrix.T).reshape(x.shape)');
  const last = lines.pop()!.replace(/^x = /, 'return ');
  const body = (indent: string): string => [...lines, last].map((line) => `${indent}${line}`).join('\n');
  const head = (resized ? resize.trimStart() : '') + (whitened && resized ? resizedWhitening.trimStart() : '');
  if (!own) {
    return `${head}def to_input(pixels${parameter}):
    """What the network sees of pixels [n, C, H, W]."""
${body('    ')}
`;
  }
  const matrix = `torch.from_numpy(${resized ? 'whitening_at(self.covariance, size)' : 'whitening_matrix(covariance)'})`;
  const start = [
    ...(whitened ? [`self.mean, ${varies ? 'self.covariance' : 'covariance'} = fit_preprocessing(pixels)`] : []),
    ...(fitted && !whitened ? ['self.offset, self.scale = fit_preprocessing(pixels)'] : []),
    ...(whitened && !varies ? [`self.matrix = ${matrix.replace('self.covariance, size', `covariance, ${size}`)}`] : []),
  ];
  const sized = varies
    ? `
    def resize_to(self, size):
        self.size = size${whitened ? `\n        self.matrix = ${matrix}` : ''}
`
    : '';
  const begin =
    start.length > 0
      ? `
    def __init__(self, pixels):
${start.map((line) => `        ${line}`).join('\n')}
`
      : '';
  return `${head}class Inputs:
    """What the network sees of pixels [n, C, H, W]${fitted ? '; fitted to the training images alone' : ''}."""
${begin}${sized}
    def __call__(self, pixels${parameter}):
${body('        ')}
`;
}

/** What is fitted, for the same file. */
export const fittingSource = (needs: Needs, { data }: Pick<Spec, 'data'>): string =>
  needs.fitted ? fitSource(data) : '';
