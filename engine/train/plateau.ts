import type { EvaluationResult } from './earlyStopping.ts';
import { plateauAfter, plateauOf, plateauStart } from './schedules.ts';
import type { PlateauSettings, PlateauState } from './schedules.ts';
import type { ScheduleSettings } from './settings.ts';

/** What evaluations make of the rate: reduceOnPlateau's state along a run. Of another schedule there is none, and the factor stays 1. */
export class Plateau {
  readonly #settings: PlateauSettings | null;
  #state: PlateauState | null;

  /** @param begun the state that a run goes on with; null: it begins */
  constructor(schedule: ScheduleSettings, begun: PlateauState | null) {
    this.#settings = plateauOf(schedule);
    this.#state = this.#settings && (begun ?? plateauStart(1));
  }

  /** For a checkpoint. */
  get state(): PlateauState | null {
    return this.#state;
  }

  /** The rate is multiplied by it. */
  get factor(): number {
    return this.#state?.learningRate ?? 1;
  }

  /** Takes in an evaluation. True if the rate is another from now on. */
  observe({ loss, accuracy }: EvaluationResult): boolean {
    if (this.#settings === null || this.#state === null) return false;
    const before = this.factor;
    this.#state = plateauAfter(this.#settings, this.#state, this.#settings.mode === 'min' ? loss : accuracy);
    return this.factor !== before;
  }
}
