import { LabError } from './contract/errors.ts';

/** Work under way that its caller has named, so that it can be told of and ended. */
export class Tickets {
  readonly #call: string;
  readonly #what: string;
  readonly #running = new Map<string, AbortController>();

  /** @param call for messages: `models.lrRange`, and what one is: "a test" */
  constructor(call: string, what: string) {
    this.#call = call;
    this.#what = what;
  }

  /** Runs `work` until it ends or its ticket is cancelled. Throws LabError 'invalid' for a ticket that is in use. */
  async run<T>(ticket: string | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (ticket !== undefined && this.#running.has(ticket)) {
      throw new LabError('invalid', `${this.#call}: ${this.#what} with the ticket ${ticket} is running already.`);
    }
    const cancel = new AbortController();
    if (ticket !== undefined) this.#running.set(ticket, cancel);
    try {
      return await work(cancel.signal);
    } finally {
      if (ticket !== undefined) this.#running.delete(ticket);
    }
  }

  /** Whether there was any. */
  cancel(ticket: string): boolean {
    const found = this.#running.get(ticket);
    found?.abort();
    return found !== undefined;
  }
}
