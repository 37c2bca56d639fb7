import { augmentationSize, augmentationSlot as slot } from '../ops/op.ts';
import { philox4x32, streamKind, uniform24 } from '../random.ts';
import type { BatchOrder } from './batches.ts';

/** How far training images may be changed. 0: not in this way. */
export interface AugmentationSettings {
  /** Pixels of the data set that the image moves at most, up, down, left and right; what comes in is black. */
  readonly shift: number;
  /** Probability that left and right are exchanged. */
  readonly flip: number;
  /** Degrees that it is turned at most, either way. */
  readonly rotation: number;
  /** 0.1: it grows by up to 1.1 or shrinks by up to 1 / 1.1. */
  readonly scale: number;
  /** Part of the range of pixel values that is added or taken off at most. */
  readonly brightness: number;
  /** 0.1: distances to mid-grey grow by up to 1.1 or shrink by up to 1 / 1.1. */
  readonly contrast: number;
  /** Side of a square that is blanked, as a part of the image's shorter side. Its centre may lie anywhere in the image. */
  readonly cutout: number;
  /** Alpha of the Beta distribution that two images and their losses are mixed by (mixup.ts). Left out: 0, not at all. */
  readonly mixup?: number;
}

/** Which word of an image's draws decides about what, so that no kind of change moves another's draws. */
const word = {
  shiftY: 0,
  shiftX: 1,
  flip: 2,
  rotation: 3,
  scale: 4,
  brightness: 5,
  contrast: 6,
  cutoutY: 7,
  cutoutX: 8,
};
const blocks = 3;
const midGrey = 127.5;
const white = 255;

/** Whether any image is changed by itself. */
export function augments(
  settings: AugmentationSettings | null | undefined,
  strength: number,
): settings is AugmentationSettings {
  if (strength <= 0 || settings === null || settings === undefined) return false;
  const { mixup: _mixup, ...changes } = settings;
  return Object.values(changes).some((value) => value !== 0);
}

/**
 * Draws what happens to every image of a batch. The draws of an image are the first words of Philox4x32-10 with counter
 * [block, epoch, position in the training file, streamKind.augmentation] and key = seed: a pure function of seed, epoch and image,
 * whatever the batch size, the step or the number of threads.
 */
export class Augmentation {
  /** f32 [batch, augmentationSize] of the batch that was drawn last: what op `augmentImages` reads. */
  readonly values: Float32Array;
  readonly #settings: AugmentationSettings;
  readonly #strength: number;
  readonly #height: number;
  readonly #width: number;
  readonly #seedLow: number;
  readonly #seedHigh: number;
  readonly #words = new Uint32Array(4 * blocks);
  readonly #blocks: readonly { readonly number: number; readonly words: Uint32Array }[];

  /** @param strength multiplies everything but the probability of a flip */
  constructor(
    settings: AugmentationSettings,
    strength: number,
    [, height, width]: readonly [number, number, number],
    seed: number,
    batchSize: number,
  ) {
    this.values = new Float32Array(batchSize * augmentationSize);
    this.#settings = settings;
    this.#strength = strength;
    this.#height = height;
    this.#width = width;
    this.#seedLow = seed >>> 0;
    this.#seedHigh = Math.floor(seed / 4294967296) >>> 0;
    const { shift, flip, rotation, scale, brightness, contrast, cutout } = settings;
    // words that nothing is made of need not be drawn: what is multiplied by a setting of 0 may be any number
    const wanted = [[shift, flip, rotation], [scale, brightness, contrast, cutout], [cutout]];
    this.#blocks = wanted.flatMap((uses, number) =>
      uses.some((use) => use !== 0) ? [{ number, words: this.#words.subarray(4 * number, 4 * number + 4) }] : [],
    );
  }

  /** Fills `values` for the images of step `step`. */
  fill(order: Pick<BatchOrder, 'epochOf'>, step: number, images: Int32Array): void {
    const epoch = order.epochOf(step);
    for (let n = 0; n < images.length; n++) {
      for (let i = 0; i < this.#blocks.length; i++) {
        const { number, words } = this.#blocks[i]!;
        philox4x32(number, epoch, images[n]!, streamKind.augmentation, this.#seedLow, this.#seedHigh, words);
      }
      this.#geometry(n * augmentationSize);
      this.#colour(n * augmentationSize);
      this.#cut(n * augmentationSize);
    }
  }

  #uniform(at: number): number {
    return uniform24(this.#words[at]!);
  }

  /** From -1 to 1. */
  #signed(at: number): number {
    return 2 * this.#uniform(at) - 1;
  }

  /** A whole number from -most to most, all alike. */
  #whole(at: number, most: number): number {
    return Math.floor(this.#uniform(at) * (2 * most + 1)) - most;
  }

  /** Where in the stored image a pixel of the new one is taken from: turned, scaled and mirrored about the centre, then moved. */
  #geometry(at: number): void {
    const { shift, flip, rotation, scale } = this.#settings;
    const most = Math.round(shift * this.#strength);
    const down = this.#whole(word.shiftY, most);
    const right = this.#whole(word.shiftX, most);
    const mirror = this.#uniform(word.flip) < flip ? -1 : 1;
    const angle = (this.#signed(word.rotation) * rotation * this.#strength * Math.PI) / 180;
    const zoom = scale === 0 ? 1 : (1 + scale * this.#strength) ** this.#signed(word.scale);
    const cosine = (rotation === 0 ? 1 : Math.cos(angle)) / zoom;
    const sine = (rotation === 0 ? 0 : Math.sin(angle)) / zoom;
    const centreY = (this.#height - 1) / 2;
    const centreX = (this.#width - 1) / 2;
    const values = this.values;
    values[at + slot.yy] = cosine;
    values[at + slot.yx] = sine * mirror;
    values[at + slot.y0] = centreY - cosine * (centreY + down) - sine * mirror * (centreX + right);
    values[at + slot.xy] = -sine;
    values[at + slot.xx] = cosine * mirror;
    values[at + slot.x0] = centreX + sine * (centreY + down) - cosine * mirror * (centreX + right);
  }

  #colour(at: number): void {
    const { brightness, contrast } = this.#settings;
    const gain = contrast === 0 ? 1 : (1 + contrast * this.#strength) ** this.#signed(word.contrast);
    this.values[at + slot.gain] = gain;
    this.values[at + slot.bias] =
      midGrey * (1 - gain) + white * this.#signed(word.brightness) * brightness * this.#strength;
  }

  #cut(at: number): void {
    const part = Math.min(1, this.#settings.cutout * this.#strength);
    const side = Math.round(part * Math.min(this.#height, this.#width));
    const top = Math.floor(this.#uniform(word.cutoutY) * this.#height) - (side >> 1);
    const left = Math.floor(this.#uniform(word.cutoutX) * this.#width) - (side >> 1);
    this.values[at + slot.top] = top;
    this.values[at + slot.left] = left;
    this.values[at + slot.bottom] = top + side;
    this.values[at + slot.right] = left + side;
  }
}
