/** Values of a sparkline, at most. */
export const sparklineLength = 32;

/** At most `sparklineLength` values, evenly spaced, the first and last among them. */
export function sparkline(values: readonly number[]): number[] {
  const n = values.length;
  if (n <= sparklineLength) return [...values];
  return Array.from({ length: sparklineLength }, (_, i) => values[Math.round((i * (n - 1)) / (sparklineLength - 1))]!);
}

/** A list that keeps evenly spaced values of a stream in bounded memory, the first and the newest among them. */
export class Thinned {
  #values: number[] = [];
  #stride = 1;
  #seen = 0;
  #newest = Number.NaN;

  push(value: number): void {
    if (!Number.isFinite(value)) return;
    if (this.#seen % this.#stride === 0) this.#values.push(value);
    this.#seen++;
    this.#newest = value;
    if (this.#values.length > 8 * sparklineLength) {
      this.#values = this.#values.filter((_, i) => i % 2 === 0);
      this.#stride *= 2;
    }
  }

  get length(): number {
    return this.#seen;
  }

  line(): number[] {
    const whole = (this.#seen - 1) % this.#stride === 0;
    return sparkline(this.#seen === 0 || whole ? this.#values : [...this.#values, this.#newest]);
  }
}
