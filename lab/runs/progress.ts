import type { TrainingEvent } from '../../engine/index.ts';
import type { RunMetrics, Series } from '../contract/records.ts';
import { Thinned } from './sparkline.ts';

/** A batch's loss is noisy: the training loss and accuracy of a run's record are means over so many last steps. */
const windowSteps = 100;

export const noMetrics: RunMetrics = {
  trainLoss: null,
  trainAccuracy: null,
  validationLoss: null,
  validationAccuracy: null,
  bestValidationLoss: null,
  bestValidationAccuracy: null,
  testLoss: null,
  testAccuracy: null,
};

/** Mean of the last values that were put in. */
class Window {
  readonly #values: number[] = [];
  #at = 0;

  push(value: number): void {
    this.#values[this.#at] = value;
    this.#at = (this.#at + 1) % windowSteps;
  }

  mean(): number | null {
    if (this.#values.length === 0) return null;
    return this.#values.reduce((sum, value) => sum + value, 0) / this.#values.length;
  }
}

type Evaluation = Pick<Extract<TrainingEvent, { kind: 'evaluation' }>, 'split' | 'loss' | 'accuracy'>;

/** The metrics and sparkline of one run, kept up to date from its events, or rebuilt from its stored curves. */
export class RunProgress {
  readonly #loss = new Window();
  readonly #accuracy = new Window();
  readonly #losses = new Thinned();
  readonly #accuracies = new Thinned();
  #metrics: RunMetrics = { ...noMetrics };

  /** As if the run had just come to the end of these curves. */
  static from(series: readonly Series[]): RunProgress {
    const progress = new RunProgress();
    const of = (name: Series['name']): readonly (number | null)[] =>
      series.find((each) => each.name === name)?.values ?? [];
    progress.steps(of('train.loss').map(numeric), of('train.accuracy').map(numeric));
    for (const split of ['validation', 'test'] as const) {
      const accuracy = of(`${split}.accuracy`);
      of(`${split}.loss`).forEach((loss, i) =>
        progress.evaluation({ split, loss: numeric(loss), accuracy: numeric(accuracy[i] ?? null) }),
      );
    }
    return progress;
  }

  steps(loss: ArrayLike<number>, accuracy: ArrayLike<number>): void {
    for (let i = 0; i < loss.length; i++) {
      this.#loss.push(loss[i]!);
      this.#losses.push(loss[i]!);
      this.#accuracy.push(accuracy[i]!);
    }
  }

  evaluation({ split, loss, accuracy }: Evaluation): void {
    const metrics = this.#metrics;
    if (split === 'test') {
      this.#metrics = { ...metrics, testLoss: loss, testAccuracy: accuracy };
      return;
    }
    this.#accuracies.push(accuracy);
    this.#metrics = {
      ...metrics,
      validationLoss: loss,
      validationAccuracy: accuracy,
      bestValidationLoss: Math.min(loss, metrics.bestValidationLoss ?? loss),
      bestValidationAccuracy: Math.max(accuracy, metrics.bestValidationAccuracy ?? accuracy),
    };
  }

  metrics(): RunMetrics {
    return { ...this.#metrics, trainLoss: this.#loss.mean(), trainAccuracy: this.#accuracy.mean() };
  }

  sparkline(): number[] {
    return (this.#accuracies.length > 0 ? this.#accuracies : this.#losses).line();
  }
}

const numeric = (value: number | null): number => value ?? Number.NaN;
