import type { TrainingEvent } from '../../engine/index.ts';
import type { LabEvents } from '../contract/events.ts';
import type { SeriesName } from '../contract/records.ts';
import type { SeriesChunk } from '../ports.ts';

interface Points {
  readonly name: SeriesName;
  readonly steps: number[];
  readonly values: number[];
  readonly seconds: number[];
}

/** Curve points between two flushes. */
export class SeriesBuffer {
  readonly #points = new Map<SeriesName, Points>();

  get empty(): boolean {
    return this.#points.size === 0;
  }

  progress(event: Extract<TrainingEvent, { kind: 'progress' }>): void {
    for (let i = 0; i < event.loss.length; i++) {
      const step = event.firstStep + i;
      const seconds = event.seconds[i]!;
      this.#add('train.loss', step, event.loss[i]!, seconds);
      this.#add('train.accuracy', step, event.accuracy[i]!, seconds);
      this.#add('learningRate', step, event.learningRate[i]!, seconds);
    }
  }

  evaluation({ split, step, loss, accuracy, seconds }: Extract<TrainingEvent, { kind: 'evaluation' }>): void {
    this.#add(`${split}.loss`, step, loss, seconds);
    this.#add(`${split}.accuracy`, step, accuracy, seconds);
  }

  /** What has come together, for the store. */
  chunks(): SeriesChunk[] {
    return [...this.#points.values()];
  }

  /** The same as events tell it. */
  forWatchers(): LabEvents['run.series']['series'] {
    return [...this.#points.values()].map(({ name, steps, values, seconds }) => ({
      name,
      steps,
      values: values.map((value) => (Number.isFinite(value) ? value : null)),
      seconds,
    }));
  }

  clear(): void {
    this.#points.clear();
  }

  #add(name: SeriesName, step: number, value: number, seconds: number): void {
    let points = this.#points.get(name);
    if (!points) {
      points = { name, steps: [], values: [], seconds: [] };
      this.#points.set(name, points);
    }
    points.steps.push(step);
    points.values.push(value);
    points.seconds.push(seconds);
  }
}
