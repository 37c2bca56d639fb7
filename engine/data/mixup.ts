import { boxMuller, philox4x32, streamKind, uniform24 } from '../random.ts';
import type { AugmentationSettings } from './augment.ts';

/** Half a step of `uniform24`: added to a draw, so that its logarithm is finite. */
const halfStep = 2 ** -25;

/** Alpha of the Beta distribution that images of a stage are mixed by; 0: they are not mixed. */
export function mixupAlpha(settings: AugmentationSettings | null | undefined, strength: number): number {
  return (settings?.mixup ?? 0) * strength;
}

/**
 * Draws by how much each image of a step is mixed with its partner (mixup: Zhang, Cisse, Dauphin, Lopez-Paz, 2018): one
 * lambda ~ Beta(alpha, alpha) for all images of a step, x / (x + y) of two Gamma(alpha) values (Marsaglia and Tsang: "A simple method
 * for generating gamma variables", 2000). Attempt t of value g (0: x, 1: y) takes the words of Philox4x32-10 with counter
 * [t, step, g, streamKind.mixup] and key = seed: a pure function of seed and step.
 */
export class Mixup {
  /** f32 [1]: lambda of the step that was drawn last, what op `mixRows` reads. */
  readonly weight = new Float32Array(1);
  readonly #alpha: number;
  readonly #seedLow: number;
  readonly #seedHigh: number;
  readonly #words = new Uint32Array(4);
  readonly #normals = new Float64Array(2);

  /** @param alpha above 0; at 1 every lambda is as likely, near 0 most lie at 0 or 1, and large ones near 1/2 */
  constructor(alpha: number, seed: number) {
    this.#alpha = alpha;
    this.#seedLow = seed >>> 0;
    this.#seedHigh = Math.floor(seed / 4294967296) >>> 0;
  }

  /** Fills `weight` for step `step` (from 0). */
  fill(step: number): void {
    // of the logarithms, as for a small alpha both values may be too small for a double
    this.weight[0] = 1 / (1 + Math.exp(this.#logGamma(step, 1) - this.#logGamma(step, 0)));
  }

  /** The logarithm of a Gamma(alpha) value: of a Gamma(alpha + 1) value times u^(1 / alpha). */
  #logGamma(step: number, value: number): number {
    const alpha = this.#alpha;
    const d = alpha + 2 / 3;
    const c = 1 / Math.sqrt(9 * d);
    const words = this.#words;
    for (let attempt = 0; ; attempt++) {
      philox4x32(attempt, step, value, streamKind.mixup, this.#seedLow, this.#seedHigh, words);
      boxMuller(uniform24(words[0]!), uniform24(words[1]!), this.#normals);
      const x = this.#normals[0]!;
      const v = (1 + c * x) ** 3;
      if (v <= 0 || Math.log(uniform24(words[2]!) + halfStep) >= (x * x) / 2 + d * (1 - v + Math.log(v))) continue;
      return Math.log(d * v) + Math.log(uniform24(words[3]!) + halfStep) / alpha;
    }
  }
}

/** Who image n of a part of `size` images is mixed with: image n + 1, the last one with the first. The order is random already. */
export function fillPartners(images: Int32Array, size: number, partners: Int32Array): void {
  for (let n = 0; n < images.length; n++) {
    const isLast = (n + 1) % size === 0;
    partners[n] = images[isLast ? n + 1 - size : n + 1]!;
  }
}
