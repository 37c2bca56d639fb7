import type { OpName } from '../ops/op.ts';
import type { OpInstance, Phase } from '../plan/plan.ts';
import type { Func } from './asm/func.ts';
import type { Module } from './asm/module.ts';
import type { Step } from './step.ts';

/** Where time goes: a step of an op, a wait for the other threads, or what comes before a segment. */
export interface Mark {
  readonly kind: 'step' | 'barrier' | 'outside';
  /** Name of the step. */
  readonly name: string;
  readonly op?: OpName;
  readonly node?: string;
  readonly phase?: Phase;
  /** The op in its plan. */
  readonly instance?: OpInstance;
}

/**
 * Marks in the code of a plan that is profiled: behind every step and every barrier the host's clock is read, and the time since
 * the last mark is put down to it. Costs some 50 ns a mark, so a profiled plan is a little slower than a plain one.
 */
export class Marks {
  readonly list: Mark[] = [
    { kind: 'outside', name: 'outside' },
    { kind: 'barrier', name: 'barrier' },
  ];
  readonly #instances = new Map<Step, OpInstance>();
  readonly #numbers = new Map<Step, number>();
  #mark: Func | undefined;

  importInto(module: Module): void {
    this.#mark = module.import('mark', ['i32']);
  }

  /** Says which op a step was made of. */
  belongs(step: Step, instance: OpInstance): void {
    this.#instances.set(step, instance);
  }

  #emit(f: Func, number: number): void {
    f.run(f.call(this.#mark!, number));
  }

  start(f: Func): void {
    this.#emit(f, 0);
  }

  afterBarrier(f: Func): void {
    this.#emit(f, 1);
  }

  after(f: Func, step: Step): void {
    let number = this.#numbers.get(step);
    if (number === undefined) {
      number = this.list.length;
      const instance = this.#instances.get(step);
      this.list.push({
        kind: 'step',
        name: step.name,
        ...(instance && { op: instance.op, phase: instance.phase, instance }),
        ...(instance?.node !== undefined && { node: instance.node }),
      });
      this.#numbers.set(step, number);
    }
    this.#emit(f, number);
  }
}

export interface ProfileEntry extends Mark {
  readonly milliseconds: number;
  readonly calls: number;
}

/** The host's side: sums of the times between marks, on the thread that steers. */
export class Profile {
  readonly #marks: readonly Mark[];
  readonly #milliseconds: Float64Array;
  readonly #calls: Float64Array;
  readonly #clock: () => number;
  #last = 0;

  /** `clock`: milliseconds of a steady clock. */
  constructor(marks: readonly Mark[], clock: () => number) {
    this.#marks = marks;
    this.#clock = clock;
    this.#milliseconds = new Float64Array(marks.length);
    this.#calls = new Float64Array(marks.length);
  }

  readonly mark = (number: number): void => {
    const now = this.#clock();
    this.#milliseconds[number]! += now - this.#last;
    this.#calls[number]!++;
    this.#last = now;
  };

  reset(): void {
    this.#milliseconds.fill(0);
    this.#calls.fill(0);
    this.#last = this.#clock();
  }

  entries(): ProfileEntry[] {
    return this.#marks.map((mark, i) => ({
      ...mark,
      milliseconds: this.#milliseconds[i]!,
      calls: this.#calls[i]!,
    }));
  }
}
