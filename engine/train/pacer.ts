/**
 * How many steps go into a queue before somebody waits for their results. A backend that queues takes steps faster than it does
 * them: without a limit a pause or a stop would wait for all that is queued. Begins with one step and goes by what steps took.
 */
export class StepPacer {
  #steps = 1;

  /** Steps to queue next. */
  get steps(): number {
    return this.#steps;
  }

  /** `steps` took `milliseconds` from the first call until their results were there, and should take `wanted`. */
  note(steps: number, milliseconds: number, wanted: number): void {
    const fitting = milliseconds > 0 ? Math.round((steps * Math.max(wanted, 0)) / milliseconds) : Infinity;
    // at most twice as many: the first measurements include what happens only once
    this.#steps = Math.max(1, Math.min(fitting, 2 * this.#steps));
  }
}
