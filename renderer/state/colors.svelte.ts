/**
 * Which series colour belongs to which experiment. All seeds of one group share it, and it stays the same in every view.
 * Owner: this page. Seeded from the browser's storage; the oldest are forgotten beyond a few hundred.
 */
import { recall, remember } from './memory.ts';

export const seriesColors = 8;
const kept = 400;

export class ColorState {
  readonly #of = new Map<string, number>();

  constructor() {
    const stored = recall('colors');
    if (!Array.isArray(stored)) return;
    for (const entry of stored as unknown[]) {
      if (Array.isArray(entry) && typeof entry[0] === 'string' && typeof entry[1] === 'number') {
        this.#of.set(entry[0], Math.abs(Math.trunc(entry[1])) % seriesColors);
      }
    }
  }

  /** A colour for each key. Keys shown together get different ones as far as the palette goes: the earlier key keeps its own. */
  together(keys: readonly string[]): number[] {
    const used = new Set<number>();
    const answer = keys.map((key) => {
      const own = this.#of.get(key);
      if (own === undefined || used.has(own)) return -1;
      used.add(own);
      return own;
    });
    keys.forEach((key, i) => {
      if (answer[i] !== -1) return;
      // new experiments take the colours in turn, so that neighbours in the history differ too
      const first = this.#of.size % seriesColors;
      let color = first;
      for (let turn = 0; turn < seriesColors && used.has(color); turn++) color = (first + turn) % seriesColors;
      used.add(color);
      answer[i] = color;
      if (!this.#of.has(key)) this.#keep(key, color);
    });
    return answer;
  }

  of(key: string): number {
    return this.#of.get(key) ?? this.together([key])[0]!;
  }

  #keep(key: string, color: number): void {
    this.#of.set(key, color);
    while (this.#of.size > kept) this.#of.delete(this.#of.keys().next().value!);
    remember('colors', [...this.#of]);
  }
}
