/**
 * What has been fitted to data, kept for the next one who asks: a thread that answers jobs is asked for previews of the same data again
 * and again, and a run in stages comes back to sizes that it has seen. A fit is a pure function of what its key names, so a kept one and a
 * fresh one are the same bits; nobody writes into what is handed out.
 */
export class FitCache {
  readonly #limit: number;
  /** In the order of their last use. */
  readonly #kept = new Map<string, { readonly value: unknown; readonly bytes: number }>();
  #bytes = 0;

  /** @param limit bytes; what was used longest ago is dropped for more */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The value of `key`, fitted where it is not there. `key` null: nothing is kept. */
  take<T>(key: string | null, fit: () => T, bytesOf: (value: T) => number): T {
    if (key === null) return fit();
    const found = this.#kept.get(key);
    if (found) {
      this.#kept.delete(key);
      this.#kept.set(key, found);
      return found.value as T;
    }
    const value = fit();
    const bytes = bytesOf(value);
    if (bytes > this.#limit) return value;
    this.#kept.set(key, { value, bytes });
    this.#bytes += bytes;
    for (const [oldest, { bytes: freed }] of this.#kept) {
      if (this.#bytes <= this.#limit) break;
      this.#kept.delete(oldest);
      this.#bytes -= freed;
    }
    return value;
  }
}

/** Of this thread: some ten whitenings of images of 28x28 pixels, with their sums. */
export const fits = new FitCache(2 ** 26);
