import type { Needs } from '../needs.ts';
import { literal } from './source.ts';

const bilinear = `
def bilinear(pixels, y, x):
    """Values between pixels at y, x [n, H, W], black outside: pixels [n, C, H, W] to [n, C, H, W]."""
    n, _, height, width = pixels.shape
    padded = np.pad(pixels, ((0, 0), (0, 0), (1, 2), (1, 2)))
    y, x = np.clip(y, -1, height) + 1, np.clip(x, -1, width) + 1
    top, left = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    down, right = (y - top)[..., None], (x - left)[..., None]
    image = np.arange(n)[:, None, None]
    upper = padded[image, :, top, left] * (1 - right) + padded[image, :, top, left + 1] * right
    lower = padded[image, :, top + 1, left] * (1 - right) + padded[image, :, top + 1, left + 1] * right
    return (upper * (1 - down) + lower * down).transpose(0, 3, 1, 2)


`;

/** Whether `augment` tells where images are blanked. */
export const blanks = ({ augmented }: Needs): boolean => augmented !== null && augmented.cutout !== 0;

/**
 * `augment(pixels, images, epoch[, strength])`: the images of a batch, changed as the engine does it (engine/data/augment.ts) with its
 * draws, in the ways that the spec asks for. With cutout it gives where images are blanked as well.
 */
export function augmentSource(needs: Needs): string {
  const { augmented, strengthVaries, spans } = needs;
  if (augmented === null) return '';
  const { shift, flip, rotation, scale, brightness, contrast, cutout } = augmented;
  const fixed = spans[0]!.settings.augmentationStrength;
  const times = (value: number): string => (strengthVaries ? `${value} * strength` : literal(value * fixed));
  const whole = (value: number): string =>
    strengthVaries ? `int(${value} * strength + 0.5)` : String(Math.round(value * fixed));
  const moved = shift + flip + rotation + scale > 0;
  const turned = rotation + scale > 0;
  const signed = (word: number): string => `(2 * u[:, ${word}] - 1)`;
  const lines: string[] = [
    ...(moved || cutout > 0 ? ['height, width = pixels.shape[2:]'] : []),
    'u = uniform24(philox(np.arange(3), epoch, images[:, None], AUGMENTATION)).reshape(len(images), 12, 1, 1)',
    ...(moved || cutout > 0 ? ['row, column = np.arange(height)[:, None], np.arange(width)'] : []),
  ];
  if (moved) {
    lines.push(
      '# where each pixel comes from: mirrored and moved about the centre',
      'cy, cx = (height - 1) / 2, (width - 1) / 2',
    );
    if (shift > 0) {
      lines.push(
        `most = ${whole(shift)}`,
        'y = row - cy - np.floor(u[:, 0] * (2 * most + 1)) + most',
        'x = column - cx - np.floor(u[:, 1] * (2 * most + 1)) + most',
      );
    } else lines.push('y, x = row - cy, column - cx');
    if (turned) {
      lines.push(
        ...(rotation > 0 ? [`angle = np.deg2rad(${signed(3)} * ${times(rotation)})`] : []),
        ...(scale > 0 ? [`zoom = (1 + ${times(scale)}) ** ${signed(4)}`] : []),
      );
      const over = scale > 0 ? ' / zoom' : '';
      lines.push(
        rotation > 0 ? `cos, sin = np.cos(angle)${over}, np.sin(angle)${over}` : `cos, sin = 1${over}, 0`,
        ...(flip > 0 ? [`mirror = np.where(u[:, 2] < ${flip}, -1, 1)`] : []),
        flip > 0
          ? 'y, x = cos * y + sin * mirror * x, cos * mirror * x - sin * y'
          : 'y, x = cos * y + sin * x, cos * x - sin * y',
      );
    } else if (flip > 0) lines.push(`x = np.where(u[:, 2] < ${flip}, -x, x)`);
    lines.push('y, x = np.broadcast_arrays(y + cy, x + cx)');
    lines.push('seen = bilinear(pixels, y, x)');
  } else lines.push('seen = pixels.astype(np.float64)');
  if (contrast > 0 || brightness > 0) {
    // over channels as well
    const word = (index: number): string => `(2 * u[:, ${index}, :, :, None] - 1)`;
    if (contrast > 0) {
      lines.push(`gain = (1 + ${times(contrast)}) ** ${word(6)}`, 'seen = 127.5 + (seen - 127.5) * gain');
    }
    if (brightness > 0) lines.push(`seen = seen + 255 * ${word(5)} * ${times(brightness)}`);
    lines.push('seen = np.clip(seen, 0, 255)');
  }
  lines.push('seen = seen.astype(np.float32)');
  if (cutout > 0) {
    const part = strengthVaries ? `min(1, ${cutout} * strength)` : literal(Math.min(1, cutout * fixed));
    lines.push(
      `side = int(${part} * min(height, width) + 0.5)`,
      'top = row - np.floor(u[:, 7] * height) + side // 2',
      'left = column - np.floor(u[:, 8] * width) + side // 2',
      'return seen, ((top >= 0) & (top < side) & (left >= 0) & (left < side))[:, None]',
    );
  } else lines.push('return seen');
  const off =
    needs.strengthVanishes && strengthVaries
      ? ['if strength == 0:', `    return pixels${cutout > 0 ? ', False' : ''}`]
      : [];
  const words = cutout > 0 ? ', and where they are blanked after preprocessing' : '';
  return `${moved ? bilinear.trimStart() : ''}def augment(pixels, images, epoch${strengthVaries ? ', strength' : ''}):
    """The training images of a batch, changed anew in every epoch: values 0 to 255${words}."""
${[...off, ...lines].map((line) => `    ${line}`).join('\n')}
`;
}

/** `mixing_share(step[, alpha])`: by how much a step mixes each image with the next one. */
export function mixupSource({ mixup, strengthVaries, spans }: Needs): string {
  if (mixup === 0) return '';
  const parameter = strengthVaries ? ', alpha' : '';
  const alpha = literal(mixup * spans[0]!.settings.augmentationStrength);
  const argument = strengthVaries ? 'alpha' : alpha;
  return `
def log_gamma(step, value, alpha):
    """The logarithm of a Gamma(alpha) value (Marsaglia and Tsang 2000)."""
    d = alpha + 2 / 3
    for attempt in itertools.count():
        u = uniform24(philox(attempt, step, value, MIXUP)).tolist()
        normal = math.sqrt(-2 * math.log(1 - u[0])) * math.cos(2 * math.pi * u[1])
        v = (1 + normal / math.sqrt(9 * d)) ** 3
        if v > 0 and math.log(u[2] + 2**-25) < normal**2 / 2 + d * (1 - v + math.log(v)):
            return math.log(d * v) + math.log(u[3] + 2**-25) / alpha


def mixing_share(step${parameter}):
    """Part of an image's own in mixup (Zhang et al. 2018), from Beta(alpha, alpha); the rest is of the next image of the batch."""
${strengthVaries ? '    if alpha == 0:\n        return 1.0\n' : ''}    return 1 / (1 + math.exp(min(log_gamma(step, 1, ${argument}) - log_gamma(step, 0, ${argument}), 700)))
`;
}
