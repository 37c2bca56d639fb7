/**
 * One comparison, live while any of its runs trains.
 * Owner: the lab. Seeded by a call for the arms of the address, read anew (at most once a second, one call at a time) when
 * one of its runs changes; lost when the view closes.
 */
import type { Comparison, SeriesName } from '../../lab/contract/records.ts';
import type { MethodInput } from '../../lab/contract/methods.ts';
import type { Link } from '../link/link.ts';

export interface CompareQuestion {
  readonly arms: readonly string[];
  readonly baseline: string | null;
  readonly reach: { readonly series: SeriesName; readonly value: number };
}

/** Milliseconds from an answer to the next question. */
const pace = 1000;

export class CompareState {
  answer = $state.raw<Comparison | null>(null);
  error = $state<string | null>(null);
  readonly #link: Link;
  readonly #offs: (() => void)[] = [];
  #question: CompareQuestion | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking = false;
  #stale = false;

  constructor(link: Link) {
    this.#link = link;
    this.#offs.push(
      link.onEvent((event) => {
        if (event.name === 'run.series' && this.#concerns(event.data.id)) this.#later();
        else if (event.name === 'run.changed' && this.#concerns(event.data.run.id, event.data.run.group)) this.#later();
      }),
      link.onState((state) => {
        if (state === 'open' && this.#question) this.#later(0);
      }),
    );
  }

  ask(question: CompareQuestion): void {
    const arms = question.arms.join();
    if (arms !== this.#question?.arms.join()) {
      // arms that stay keep their curves until the new answer is there
      this.error = null;
      if (question.arms.length === 0) this.answer = null;
    }
    this.#question = question;
    this.#later(0);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#question = null;
    for (const off of this.#offs) off();
  }

  #concerns(run: string, group?: string): boolean {
    return (
      this.#question?.arms.some((arm) => arm === run || arm === group) === true ||
      this.answer?.arms.some((arm) => arm.runs.some((each) => each.id === run)) === true
    );
  }

  #later(wait = pace): void {
    if (this.#asking) {
      this.#stale = true;
      return;
    }
    if (wait === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      void this.#ask();
      return;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#ask();
    }, wait);
  }

  async #ask(): Promise<void> {
    const question = this.#question;
    if (!question || question.arms.length === 0) return;
    this.#asking = true;
    this.#stale = false;
    const input: MethodInput<'compare.get'> = { arms: [...question.arms], reach: [question.reach], maxPoints: 400 };
    if (question.baseline !== null && question.arms.includes(question.baseline)) input.baseline = question.baseline;
    try {
      const answer = await this.#link.call('compare.get', input);
      if (question === this.#question) {
        this.answer = answer;
        this.error = null;
      }
    } catch (error) {
      if (question === this.#question) this.error = error instanceof Error ? error.message : String(error);
    } finally {
      this.#asking = false;
      if (question !== this.#question) this.#later(0);
      else if (this.#stale) this.#later();
    }
  }
}
