import type { TrainingEvent } from '../worker/protocol.ts';
import type { EvaluationResult } from './earlyStopping.ts';
import type { Evaluation } from './evaluate.ts';

/** Milliseconds of evaluating between two 'evaluating' events. */
const tellEvery = 250;

/** An evaluation in the middle of a run, taken in slices, that tells how far it is where it takes long. */
export class ToldEvaluation {
  readonly evaluation: Evaluation;
  readonly #step: number;
  readonly #clock: () => number;
  readonly #emit: (event: TrainingEvent) => void;
  /** Milliseconds that it has taken, and after how many it tells next. */
  #taken = 0;
  #tellAt = tellEvery;

  /** Begins. @param step completed steps of the run */
  constructor(evaluation: Evaluation, step: number, clock: () => number, emit: (event: TrainingEvent) => void) {
    this.evaluation = evaluation;
    this.#step = step;
    this.#clock = clock;
    this.#emit = emit;
    evaluation.begin();
    // all steps are done, and nothing else would say why it is not over
    if (evaluation.split === 'test') this.#tell();
  }

  #tell(): void {
    const { split, done, images } = this.evaluation;
    this.#emit({ kind: 'evaluating', split, step: this.#step, done, images, seconds: this.#taken / 1000 });
  }

  /** Goes on, batch by batch, to the time `until` of the clock. Answers the result once it is done. */
  async advanceUntil(until: number): Promise<EvaluationResult | undefined> {
    const begin = this.#clock();
    let now: number;
    let result: EvaluationResult | undefined;
    do {
      result = await this.evaluation.advance();
      now = this.#clock();
    } while (result === undefined && now < until);
    if (result !== undefined) return result;
    this.#taken += now - begin;
    if (this.#taken >= this.#tellAt) {
      this.#tellAt = this.#taken + tellEvery;
      this.#tell();
    }
    return undefined;
  }
}
