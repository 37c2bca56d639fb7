import type { EarlyStoppingSettings } from '../worker/protocol.ts';

export interface EvaluationResult {
  /** Mean over the images, of the plain form of the training's loss. */
  readonly loss: number;
  /** 0..1 */
  readonly accuracy: number;
}

/** What a checkpoint keeps, so that a resumed run ends at the same step. null: nothing seen yet. */
export interface StoppingState {
  /** Best value so far, and the step of it. */
  readonly best: number | null;
  readonly bestStep: number | null;
  /** The value that the next one has to beat by minDelta, and the evaluations since that did not. */
  readonly reference: number | null;
  readonly waited: number;
}

export const noEvaluationYet: StoppingState = { best: null, bestStep: null, reference: null, waited: 0 };

/**
 * Watches the validation metric: the best value decides about 'best' checkpoints, patience about the end of the run
 * (Prechelt, "Early stopping - but when?", 1998). Without settings it follows the validation loss and never stops.
 */
export class ValidationWatch {
  readonly #settings: EarlyStoppingSettings | null;
  #state: StoppingState;

  constructor(settings: EarlyStoppingSettings | null, state: StoppingState = noEvaluationYet) {
    this.#settings = settings;
    this.#state = state;
  }

  get state(): StoppingState {
    return this.#state;
  }

  /** True once `patience` evaluations in a row brought no improvement of more than minDelta. */
  get exhausted(): boolean {
    return this.#settings !== null && this.#state.waited >= this.#settings.patience;
  }

  /** Takes an evaluation in; true if it is the best so far. */
  observe(result: EvaluationResult, step: number): boolean {
    const higher = this.#settings?.metric === 'validation.accuracy';
    const value = higher ? result.accuracy : result.loss;
    const gain = (from: number): number => (higher ? value - from : from - value);
    const { best, bestStep, reference, waited } = this.#state;
    const isBest = best === null || gain(best) > 0;
    const improves = reference === null || gain(reference) > (this.#settings?.minDelta ?? 0);
    this.#state = {
      best: isBest ? value : best,
      bestStep: isBest ? step : bestStep,
      reference: improves ? value : reference,
      waited: improves ? 0 : waited + 1,
    };
    return isBest;
  }
}
