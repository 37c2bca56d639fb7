/**
 * The way back and forth of a document, without limit: steps are kept as differences, so a thousand of them weigh little and
 * travel to storage one by one. Pure; whoever owns the document stores it.
 */
import { backward, diff, forward, type Change } from './patch.ts';

export interface Step {
  /** What was done, for a tooltip: "Undo: units of dense1". */
  readonly label: string;
  /** Names the field; quick edits of one field are one step. Empty: a step of its own. */
  readonly key: string;
  readonly at: number;
  readonly changes: readonly Change[];
  /** What was selected before and after. */
  readonly selection: readonly [readonly string[], readonly string[]];
}

/** Edits of one field within this time are one step back. */
const coalesce = 1200;

export interface Moment<T> {
  readonly value: T;
  readonly selection: readonly string[];
}

export class History<T> {
  readonly steps: Step[] = [];
  /** Steps that are done; those behind it can be done again. */
  cursor = 0;
  /** Set by undo and redo: what comes next is a step of its own. */
  #sealed = true;

  /** Notes the way from `before` to `after` and gives `after` back, sharing with `before` what is the same; null if all is. */
  note(
    before: Moment<T>,
    after: Moment<T>,
    { key, label, now }: { key: string; label: string; now: number },
  ): T | null {
    const changes = diff(before.value, after.value);
    if (changes.length === 0) return null;
    this.steps.length = this.cursor;
    const last = this.steps.at(-1);
    if (last !== undefined && !this.#sealed && key !== '' && last.key === key && now - last.at < coalesce) {
      const start = backward(before.value, last.changes);
      this.steps[this.cursor - 1] = {
        ...last,
        at: now,
        changes: diff(start, after.value),
        selection: [last.selection[0], after.selection],
      };
    } else {
      this.steps.push({ label, key, at: now, changes, selection: [before.selection, after.selection] });
      this.cursor++;
    }
    this.#sealed = false;
    return forward(before.value, changes) as T;
  }

  undo(value: T): Moment<T> | null {
    const step = this.steps[this.cursor - 1];
    if (step === undefined) return null;
    this.cursor--;
    this.#sealed = true;
    return { value: backward(value, step.changes) as T, selection: step.selection[0] };
  }

  redo(value: T): Moment<T> | null {
    const step = this.steps[this.cursor];
    if (step === undefined) return null;
    this.cursor++;
    this.#sealed = true;
    return { value: forward(value, step.changes) as T, selection: step.selection[1] };
  }

  /** Takes over what was stored. */
  restore(steps: readonly Step[], cursor: number): void {
    this.steps.splice(0, this.steps.length, ...steps);
    this.cursor = Math.min(Math.max(0, cursor), steps.length);
    this.#sealed = true;
  }
}
