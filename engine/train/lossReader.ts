import type { Executable } from '../backend.ts';
import type { TensorId } from '../ops/op.ts';

/** Steps whose losses have come back. */
export interface ReadSlice {
  /** [slots, values], valid until the second `ask` after the one that it answers. */
  readonly history: Float32Array;
  /** Completed steps when it was asked for. */
  readonly upTo: number;
  /** Steps that were queued since the last time. */
  readonly steps: number;
  /** When their queuing began, in the caller's milliseconds. */
  readonly begin: number;
}

interface Asked extends ReadSlice {
  readonly reading: Promise<void>;
}

/**
 * Reads losses back while the next steps are queued already: a device that is waited for only a slice later never runs dry. At most
 * two readings are under way, so what is read lies in two arrays by turns.
 */
export class LossReader {
  readonly #executable: Executable;
  readonly #history: TensorId;
  readonly #arrays: readonly [Float32Array, Float32Array];
  readonly #asked: Asked[] = [];
  #turn = 0;

  constructor(executable: Executable, history: TensorId, size: number) {
    this.#executable = executable;
    this.#history = history;
    this.#arrays = [new Float32Array(size), new Float32Array(size)];
  }

  /** Readings that have not been received. */
  get pending(): number {
    return this.#asked.length;
  }

  /** Asks for the losses as they are once all that has been queued so far is done. */
  ask(upTo: number, steps: number, begin: number): void {
    const history = this.#arrays[this.#turn]!;
    this.#turn = 1 - this.#turn;
    const reading = Promise.resolve(this.#executable.read(this.#history, history));
    // told when it is received; until then nobody listens
    reading.catch(() => undefined);
    this.#asked.push({ history, upTo, steps, begin, reading });
  }

  /** The oldest reading, once it is there; undefined if there is none. */
  async receive(): Promise<ReadSlice | undefined> {
    const slice = this.#asked.shift();
    await slice?.reading;
    return slice;
  }

  /** Nobody wants to know any more. */
  forget(): void {
    this.#asked.length = 0;
  }
}
