import { EngineError } from '../errors.ts';
import { RandomStream, shuffle, streamKind } from '../random.ts';

/** Where an order begins: a stage of a run goes on counting steps and epochs where the one before it ended. */
export interface OrderStart {
  readonly step: number;
  readonly epoch: number;
}

/**
 * The order in which images are trained on. Epoch e is a permutation of the training split drawn from stream `order` at
 * step e; step t (from 0) takes batch t mod stepsPerEpoch of epoch floor(t / stepsPerEpoch), both counted from the start of
 * the order. So every batch is a pure function of seed and step, and any step can be asked for. The incomplete batch at the
 * end of an epoch is dropped.
 */
export class BatchOrder {
  readonly batchSize: number;
  readonly stepsPerEpoch: number;
  readonly #images: Int32Array;
  readonly #seed: number;
  readonly #start: OrderStart;
  readonly #permutation: Int32Array;
  #epoch = -1;

  /**
   * @param images positions in the training file. Throws EngineError('data') when they do not fill one batch.
   * @param path of the batch size in a spec, for the error
   */
  constructor(
    images: Int32Array,
    batchSize: number,
    seed: number,
    start: OrderStart = { step: 0, epoch: 0 },
    path = 'training.batchSize',
  ) {
    if (batchSize < 1 || batchSize > images.length) {
      throw new EngineError(
        'data',
        `${path}: a batch of ${batchSize} does not fit the training split of ${images.length} images. Choose 1 to ${images.length}.`,
      );
    }
    this.batchSize = batchSize;
    this.stepsPerEpoch = Math.floor(images.length / batchSize);
    this.#images = images;
    this.#seed = seed;
    this.#start = start;
    this.#permutation = new Int32Array(images.length);
  }

  /** The epoch of step `step`, counted over the whole run. */
  epochOf(step: number): number {
    return this.#start.epoch + Math.floor((step - this.#start.step) / this.stepsPerEpoch);
  }

  /** Writes the batch of step `step` (of the run, from 0) to `into` [batchSize]. Allocates only at the first step of an epoch. */
  fill(step: number, into: Int32Array): void {
    const epoch = this.epochOf(step);
    if (epoch !== this.#epoch) {
      this.#permutation.set(this.#images);
      shuffle(this.#permutation, new RandomStream(this.#seed, streamKind.order, 0, epoch));
      this.#epoch = epoch;
    }
    const first = ((step - this.#start.step) % this.stepsPerEpoch) * this.batchSize;
    for (let i = 0; i < this.batchSize; i++) into[i] = this.#permutation[first + i]!;
  }
}
