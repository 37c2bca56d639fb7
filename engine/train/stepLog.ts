/** Arrays of a 'progress' event. */
export interface StepEntries {
  /** Number of the last entry's step, counted from 1. */
  readonly step: number;
  readonly firstStep: number;
  readonly loss: Float32Array;
  readonly accuracy: Float32Array;
  readonly learningRate: Float32Array;
  readonly seconds: Float64Array;
}

/**
 * What happened in each step since the last message. Learning rate and time are noted at once, loss and accuracy are
 * collected later from the plan's history ring, so that a step waits for no read-back. Arrays are made once.
 */
export class StepLog {
  readonly capacity: number;
  readonly #slots: number;
  #batchSize: number;
  readonly #loss: Float32Array;
  readonly #accuracy: Float32Array;
  readonly #learningRate: Float32Array;
  readonly #seconds: Float64Array;
  /** Steps before the first entry. */
  #before: number;
  #noted = 0;
  #collected = 0;

  /** @param step completed steps so far */
  constructor(slots: number, batchSize: number, step: number, capacity = 4096) {
    this.capacity = Math.max(capacity, slots);
    this.#slots = slots;
    this.#batchSize = batchSize;
    this.#before = step;
    this.#loss = new Float32Array(this.capacity);
    this.#accuracy = new Float32Array(this.capacity);
    this.#learningRate = new Float32Array(this.capacity);
    this.#seconds = new Float64Array(this.capacity);
  }

  /** Entries that are complete. */
  get length(): number {
    return this.#collected;
  }

  /** False when the next step would overwrite a history slot that has not been collected, or the log is full. */
  get hasRoom(): boolean {
    return this.#noted - this.#collected < this.#slots && this.#noted < this.capacity;
  }

  /** From now on steps train on batches of another size. Call only when all noted steps are collected. */
  set batchSize(batchSize: number) {
    this.#batchSize = batchSize;
  }

  /** One more step has been run. */
  note(learningRate: number, seconds: number): void {
    this.#learningRate[this.#noted] = learningRate;
    this.#seconds[this.#noted] = seconds;
    this.#noted++;
  }

  /**
   * Takes loss and number correct of all noted steps, or of the first `upTo` steps of the run, from the ring [slots, 2]. Returns the
   * number (from 1) of the first step whose loss is not finite, or 0; that step and those after it get no entry.
   */
  collect(history: Float32Array, upTo = Infinity): number {
    const end = Math.min(this.#noted, upTo - this.#before);
    for (; this.#collected < end; this.#collected++) {
      const step = this.#before + this.#collected;
      const row = (step % this.#slots) * 2;
      const loss = history[row]!;
      if (!Number.isFinite(loss)) {
        this.#noted = this.#collected;
        return step + 1;
      }
      this.#loss[this.#collected] = loss;
      this.#accuracy[this.#collected] = history[row + 1]! / this.#batchSize;
    }
    return 0;
  }

  /** The complete entries, as copies, which leave the log. Steps that are noted and not collected stay. */
  take(): StepEntries {
    const count = this.#collected;
    const entries: StepEntries = {
      step: this.#before + count,
      firstStep: this.#before + 1,
      loss: this.#loss.slice(0, count),
      accuracy: this.#accuracy.slice(0, count),
      learningRate: this.#learningRate.slice(0, count),
      seconds: this.#seconds.slice(0, count),
    };
    this.#learningRate.copyWithin(0, count, this.#noted);
    this.#seconds.copyWithin(0, count, this.#noted);
    this.#before += count;
    this.#noted -= count;
    this.#collected = 0;
    return entries;
  }
}
