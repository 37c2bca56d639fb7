/**
 * A question about one run that takes the lab a while, with how far it is and its answer.
 * Owner: the lab, which computes it anew for each question; kept while the run's view is open and lost when it closes.
 */
import type { LabEvents } from '../../lab/contract/events.ts';
import { LabError } from '../../lab/contract/errors.ts';
import type { Link } from '../link/link.ts';

interface JobCalls<Question, Answer> {
  /** By which name 'job.progress' tells of it. */
  readonly job: LabEvents['job.progress']['job'];
  ask(question: Question): Promise<Answer>;
  cancel(): Promise<unknown>;
}

export class RunJob<Question, Answer> {
  result = $state.raw<Answer | null>(null);
  error = $state<string | null>(null);
  /** From 0 to 1 while the lab is at it; null: it is not. */
  done = $state<number | null>(null);
  /** How many there have been. */
  answers = $state(0);
  readonly #calls: JobCalls<Question, Answer>;
  readonly #off: () => void;
  #closed = false;

  constructor(run: string, link: Link, calls: JobCalls<Question, Answer>) {
    this.#calls = calls;
    this.#off = link.onEvent(({ name, data }) => {
      if (name !== 'job.progress' || data.job !== calls.job || data.run !== run) return;
      if (this.done !== null) this.done = data.done;
    });
  }

  /** An earlier answer stays until there is a new one. */
  async ask(question: Question): Promise<void> {
    if (this.done !== null) return;
    this.done = 0;
    this.error = null;
    try {
      this.result = await this.#calls.ask(question);
      this.answers++;
    } catch (error) {
      const cancelled = error instanceof LabError && error.code === 'interrupted';
      if (!cancelled) this.error = error instanceof Error ? error.message : String(error);
    } finally {
      this.done = null;
    }
  }

  async cancel(): Promise<void> {
    try {
      await this.#calls.cancel();
    } catch (error) {
      if (!this.#closed) this.error = error instanceof Error ? error.message : String(error);
    }
  }

  close(): void {
    this.#closed = true;
    this.#off();
    if (this.done !== null) void this.cancel();
  }
}
