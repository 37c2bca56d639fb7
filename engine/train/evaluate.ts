import type { Executable } from '../backend.ts';
import type { TrainingPlan } from '../plan/plan.ts';
import type { EvaluationResult } from './earlyStopping.ts';

/**
 * Mean loss and accuracy over a list of images, batch by batch, so that a long evaluation can be interrupted between
 * batches. Sums are kept in float64 in the order of the list. Parameters and running statistics stay as they are.
 */
export class Evaluation {
  readonly split: 'validation' | 'test';
  readonly #executable: Executable;
  readonly #plan: TrainingPlan;
  readonly #images: Int32Array;
  readonly #indices: Int32Array;
  readonly #loss = new Float32Array(1);
  readonly #correct = new Float32Array(1);
  #position = 0;
  #lossSum = 0;
  #correctSum = 0;

  /** @param images positions in the training file for 'validation', in the test file for 'test' */
  constructor(executable: Executable, plan: TrainingPlan, split: 'validation' | 'test', images: Int32Array) {
    this.split = split;
    this.#executable = executable;
    this.#plan = plan;
    this.#images = images;
    this.#indices = new Int32Array(plan.evaluationBatch);
  }

  get images(): number {
    return this.#images.length;
  }

  /** Images that lie behind it. */
  get done(): number {
    return Math.min(this.#position, this.images);
  }

  /** Starts over. */
  begin(): void {
    this.#position = 0;
    this.#lossSum = 0;
    this.#correctSum = 0;
  }

  /** One batch more. Returns the result after the last one. */
  async advance(): Promise<EvaluationResult | undefined> {
    const { evaluationIndices, evaluationLoss, evaluationCorrect } = this.#plan.handles;
    for (let i = 0; i < this.#indices.length; i++) this.#indices[i] = this.#images[this.#position + i] ?? -1;
    this.#executable.write(evaluationIndices, this.#indices);
    this.#executable.run(this.split === 'validation' ? 'evaluateTrain' : 'evaluateTest');
    await Promise.all([
      this.#executable.read(evaluationLoss, this.#loss),
      this.#executable.read(evaluationCorrect, this.#correct),
    ]);
    this.#lossSum += this.#loss[0]!;
    this.#correctSum += this.#correct[0]!;
    this.#position += this.#indices.length;
    if (this.#position < this.images) return undefined;
    return { loss: this.#lossSum / this.images, accuracy: this.#correctSum / this.images };
  }
}

export type MeasuredSplit = EvaluationResult & { readonly images: number };

/** A model on images that it was trained on and on others. */
export interface ModelMeasure {
  readonly train: MeasuredSplit;
  readonly test: MeasuredSplit;
}

/** All batches of an evaluation, one after the other. `tell` hears how far it is, from 0 to 1, and may let others have a turn. */
export async function evaluateAll(
  evaluation: Evaluation,
  tell: (done: number) => Promise<void> = () => Promise.resolve(),
): Promise<MeasuredSplit> {
  evaluation.begin();
  let result: EvaluationResult | undefined;
  while (result === undefined) {
    result = await evaluation.advance();
    await tell(evaluation.done / evaluation.images);
  }
  return { ...result, images: evaluation.images };
}
