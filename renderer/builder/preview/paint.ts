import type { NodeActivationRecord } from '../../../lab/contract/previewRecords.ts';
import { decodeBase64 } from '../samples.ts';

type Colour = readonly [number, number, number];

export interface Scale {
  /** The colour of zero: the sunk paper of the theme. */
  readonly zero: Colour;
  /** Blue below zero and orange above, from Okabe and Ito's set, so that no eye mixes them up. */
  readonly below: Colour;
  readonly above: Colour;
}

/** The scale of each theme: the first two series of app.css over its sunk paper. */
export const scales: Readonly<Record<'light' | 'dark', Scale>> = {
  light: { zero: [241, 241, 238], below: [0, 114, 178], above: [213, 94, 0] },
  dark: { zero: [28, 31, 35], below: [79, 163, 224], above: [240, 128, 60] },
};

export interface PaintOptions {
  readonly scale: Scale;
  /** Channels side by side before the next row begins. */
  readonly columns: number;
  /** Shown as they are, in grey: for images. */
  readonly grey: boolean;
}

/** Canvas pixels between two channels. */
const gap = 1;

/** How features without an image are laid out: a strip that is not too wide. */
export function gridOf({ picture }: Pick<NodeActivationRecord, 'picture'>): { height: number; width: number } {
  const { height, width } = picture;
  if (height > 1 || width <= 32) return { height, width };
  const columns = Math.min(50, Math.ceil(Math.sqrt(width * 4)));
  return { height: Math.ceil(width / columns), width: columns };
}

/**
 * Paints the values of one node for one image. Zero is the colour of the paper, the largest size in the picture has the full
 * colour; the channels stand side by side.
 */
export function paintActivation(canvas: HTMLCanvasElement, node: NodeActivationRecord, options: PaintOptions): void {
  const { picture } = node;
  const pixels = decodeBase64(picture.pixels);
  const { height, width } = gridOf(node);
  const columns = Math.min(options.columns, picture.channels);
  const rows = Math.ceil(picture.channels / columns);
  canvas.width = columns * (width + gap) - gap;
  canvas.height = rows * (height + gap) - gap;
  const context = canvas.getContext('2d');
  if (!context) return;
  const image = context.createImageData(canvas.width, canvas.height);
  const low = picture.low ?? 0;
  const high = picture.high ?? 0;
  const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const plane = picture.height * picture.width;
  for (let channel = 0; channel < picture.channels; channel++) {
    const left = (channel % columns) * (width + gap);
    const top = Math.floor(channel / columns) * (height + gap);
    for (let i = 0; i < plane; i++) {
      const level = pixels[channel * plane + i]!;
      const at = 4 * ((top + Math.floor(i / width)) * canvas.width + left + (i % width));
      const value = (low + ((high - low) * level) / 255) / most;
      const share = Math.abs(value);
      const { zero, below, above } = options.scale;
      const end = value < 0 ? below : above;
      for (let c = 0; c < 3; c++) {
        image.data[at + c] = options.grey ? level : zero[c]! + (end[c]! - zero[c]!) * share;
      }
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}
