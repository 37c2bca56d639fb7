/**
 * Counter-based random streams: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011). Any position of any stream can be computed without state, so a resumed run, another number of threads and
 * another backend draw the same numbers.
 *
 * Counter words are [index, step, stream, kind]; the key is the 64-bit seed.
 */
export const streamKind = { init: 1, order: 2, augmentation: 3, dropout: 4, noise: 5, split: 6, mixup: 7 } as const;
export type StreamKind = (typeof streamKind)[keyof typeof streamKind];

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;
const rounds = 10;

/** High 32 bits of the unsigned product a * b. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const mid1 = aHigh * bLow + (low >>> 16);
  const mid2 = aLow * bHigh + (mid1 & 0xffff);
  return (aHigh * bHigh + Math.floor(mid1 / 65536) + Math.floor(mid2 / 65536)) >>> 0;
}

/** Four words (unsigned) for counter [c0..c3] and key [k0, k1], written to `out`. */
export function philox4x32(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
  out: Uint32Array,
): void {
  for (let round = 0; round < rounds; round++) {
    const high0 = mulHigh(multiplier0, c0);
    const low0 = Math.imul(multiplier0, c0);
    const high1 = mulHigh(multiplier1, c2);
    const low1 = Math.imul(multiplier1, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + weyl0) >>> 0;
    k1 = (k1 + weyl1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** u = (word >>> 8) / 2^24 in [0, 1), exact in float32. */
export function uniform24(word: number): number {
  return (word >>> 8) / 16777216;
}

/**
 * Two independent standard normal values from two uniforms in [0, 1) (Box and Muller, 1958): r cos(2 pi u2) and
 * r sin(2 pi u2) with r = sqrt(-2 ln(1 - u1)), written to `out`. 1 - u1 is never 0, so r is finite.
 */
export function boxMuller(u1: number, u2: number, out: Float64Array): void {
  const radius = Math.sqrt(-2 * Math.log(1 - u1));
  const angle = 2 * Math.PI * u2;
  out[0] = radius * Math.cos(angle);
  out[1] = radius * Math.sin(angle);
}

const pair = new Float64Array(2);

/** 32-bit FNV-1a of a name: the stream number of a layer's draws. Names, not positions, so that adding a layer moves no other's draws. */
export function streamOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return hash >>> 0;
}

/** One stream at one step: random access by index, buffered by block of four. */
export class RandomStream {
  readonly #words = new Uint32Array(4);
  readonly #seedLow: number;
  readonly #seedHigh: number;
  readonly #step: number;
  readonly #stream: number;
  readonly #kind: number;
  #block = -1;
  #next = 0;

  constructor(seed: number, kind: StreamKind, stream = 0, step = 0) {
    this.#seedLow = seed >>> 0;
    this.#seedHigh = Math.floor(seed / 4294967296) >>> 0;
    this.#kind = kind;
    this.#stream = stream;
    this.#step = step;
  }

  /** Word number `index` of the stream. */
  word(index: number): number {
    const block = Math.floor(index / 4);
    if (block !== this.#block) {
      philox4x32(block >>> 0, this.#step, this.#stream, this.#kind, this.#seedLow, this.#seedHigh, this.#words);
      this.#block = block;
    }
    return this.#words[index & 3]!;
  }

  /** The next uniform in [0, 1) with 24 bits. */
  uniform(): number {
    return uniform24(this.word(this.#next++));
  }

  /** The next integer in [0, n), n <= 2^32, without bias (words of the last, incomplete range are drawn again). */
  below(n: number): number {
    const limit = 4294967296 - (4294967296 % n);
    for (;;) {
      const word = this.word(this.#next++);
      if (word < limit) return word % n;
    }
  }

  /** Standard normal values in place (Box-Muller; an odd last value takes the cosine of its own pair). */
  fillNormal(out: Float32Array | Float64Array): void {
    for (let i = 0; i < out.length; i += 2) {
      boxMuller(this.uniform(), this.uniform(), pair);
      out[i] = pair[0]!;
      if (i + 1 < out.length) out[i + 1] = pair[1]!;
    }
  }
}

/** In place Fisher-Yates shuffle drawn from `stream`. */
export function shuffle(values: Int32Array, stream: RandomStream): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = stream.below(i + 1);
    const held = values[i]!;
    values[i] = values[j]!;
    values[j] = held;
  }
}
