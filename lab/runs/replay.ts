import type { TrainingEvent } from '../../engine/index.ts';
import type { Series, SeriesName, Verification } from '../contract/records.ts';

type Difference = NonNullable<Verification['firstDifference']>;

/**
 * Lays the curves of a replay beside the recorded ones, value by value and bit by bit. Seconds are left out: they are the machine's,
 * not the run's.
 */
export class ReplayComparison {
  readonly #recorded: ReadonlyMap<SeriesName, ReadonlyMap<number, number | null>>;
  /** Points after this step are not looked at. */
  readonly #lastStep: number;
  #compared = 0;
  #first: Difference | null = null;

  constructor(recorded: readonly Series[], lastStep: number) {
    this.#recorded = new Map(
      recorded.map(({ name, steps, values }) => [name, new Map(steps.map((step, i) => [step, values[i]!]))]),
    );
    this.#lastStep = lastStep;
  }

  /** Values that were compared. */
  get compared(): number {
    return this.#compared;
  }

  get firstDifference(): Difference | null {
    return this.#first;
  }

  progress(event: Extract<TrainingEvent, { kind: 'progress' }>): void {
    for (let i = 0; i < event.loss.length; i++) {
      const step = event.firstStep + i;
      this.#compare('train.loss', step, event.loss[i]!);
      this.#compare('train.accuracy', step, event.accuracy[i]!);
      this.#compare('learningRate', step, event.learningRate[i]!);
    }
  }

  evaluation({ split, step, loss, accuracy }: Extract<TrainingEvent, { kind: 'evaluation' }>): void {
    this.#compare(`${split}.loss`, step, loss);
    this.#compare(`${split}.accuracy`, step, accuracy);
  }

  #compare(series: SeriesName, step: number, value: number): void {
    if (step > this.#lastStep) return;
    this.#compared++;
    // what is not finite is recorded as null
    const replayed = Number.isFinite(value) ? value : null;
    const recorded = this.#recorded.get(series)?.get(step);
    if (this.#first !== null || Object.is(recorded, replayed)) return;
    this.#first = { series, step, recorded: recorded ?? null, replayed };
  }
}
