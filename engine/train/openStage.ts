import { Augmentation } from '../data/augment.ts';
import { Mixup, mixupAlpha } from '../data/mixup.ts';
import type { Backend, CompileOptions, Executable } from '../backend.ts';
import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import type { AheadPlan } from '../plan/whitenAhead.ts';
import type { TensorValues } from '../tensor.ts';
import type { TrainingJob } from '../worker/protocol.ts';
import { Evaluation } from './evaluate.ts';
import { StepRunner } from './loop.ts';
import type { PlannedStage, PreparedTraining } from './prepare.ts';
import { WhiteningPass } from './whitening.ts';

/** A stage with its compiled plan and its data: what it takes to run and evaluate its steps. Has no parameters yet. */
export class OpenStage {
  readonly stage: PlannedStage;
  readonly executable: Executable;
  readonly runner: StepRunner;
  readonly validation: Evaluation;
  readonly test: Evaluation;
  /** What is to be done before the first step or evaluation; null: nothing. */
  readonly whitening: WhiteningPass | null;
  /** Data tensors with their values. */
  readonly data: readonly (readonly [TensorId, TensorValues])[];
  #disposed = false;

  private constructor(
    job: TrainingJob,
    prepared: PreparedTraining,
    stage: PlannedStage,
    executable: Executable,
    matrix: Float32Array | null,
    ahead: AheadPlan | null,
  ) {
    const { plan, order, settings } = stage;
    const { augmentation, imageShape } = job.data;
    this.stage = stage;
    this.executable = executable;
    this.runner = new StepRunner(executable, plan, order, {
      optimizer: job.optimizer,
      schedule: job.schedule,
      seed: job.seed,
      totalSteps: prepared.totalSteps,
      learningRateFactor: settings.learningRateFactor,
      ...(augmentation && plan.handles.augmentation !== undefined
        ? {
            augmentation: new Augmentation(
              augmentation,
              settings.augmentationStrength,
              imageShape,
              job.seed,
              settings.batchSize,
            ),
          }
        : {}),
      ...(plan.handles.mixing !== undefined && {
        mixup: new Mixup(mixupAlpha(augmentation, settings.augmentationStrength), job.seed),
      }),
    });
    this.validation = new Evaluation(executable, plan, 'validation', prepared.validationImages);
    this.test = new Evaluation(executable, plan, 'test', prepared.testImages);
    this.data = dataOf(job, prepared, stage, matrix);
    for (const [tensor, values] of this.data) executable.write(tensor, values);
    const { trainImages, validationImages, testImages } = prepared;
    this.whitening = ahead && new WhiteningPass(executable, plan, ahead, [trainImages, validationImages], testImages);
  }

  /**
   * The stage as it is trained: where that pays, images are whitened ahead, which `whitening` has to do first. Throws EngineError if
   * the backend cannot run the stage's plan.
   */
  static async forTraining(
    job: TrainingJob,
    prepared: PreparedTraining,
    stage: PlannedStage,
    backend: Backend,
    options?: CompileOptions,
  ): Promise<OpenStage> {
    if (stage.ahead === null) return OpenStage.open(job, prepared, stage, backend, options);
    try {
      return await OpenStage.#open(job, prepared, stage, backend, options, stage.ahead);
    } catch (error) {
      // whitened images take four times the memory of the stored ones and more: where it is scarce, steps whiten theirs
      if (!(error instanceof EngineError) || error.code !== 'memory') throw error;
      return OpenStage.open(job, prepared, stage, backend, options);
    }
  }

  /** Throws EngineError if the backend cannot run the stage's plan. */
  static async open(
    job: TrainingJob,
    prepared: PreparedTraining,
    stage: PlannedStage,
    backend: Backend,
    options?: CompileOptions,
  ): Promise<OpenStage> {
    return OpenStage.#open(job, prepared, stage, backend, options, null);
  }

  static async #open(
    job: TrainingJob,
    prepared: PreparedTraining,
    stage: PlannedStage,
    backend: Backend,
    options: CompileOptions | undefined,
    ahead: AheadPlan | null,
  ): Promise<OpenStage> {
    const [, height, width] = job.data.imageShape;
    const matrix = (await prepared.whitening?.matrix(stage.settings.imageSize ?? [height, width])) ?? null;
    const executable = await backend.compile(ahead ?? stage.plan, options);
    try {
      return new OpenStage(job, prepared, stage, executable, matrix, ahead);
    } catch (error) {
      await executable.dispose();
      throw error;
    }
  }

  /** Whether steps and evaluations may run: `whitening` is done, or there is none. */
  get isReady(): boolean {
    return this.whitening === null || this.whitening.finished;
  }

  /** The next step after `step` completed ones after which validation images are evaluated; the stage's last at the latest. */
  evaluationAfter(step: number): number {
    const { evaluateEvery, evaluateFrom, endStep } = this.stage;
    const due = evaluateFrom + (Math.floor((step - evaluateFrom) / evaluateEvery) + 1) * evaluateEvery;
    return Math.min(due, endStep);
  }

  /** Whether validation images are evaluated after `step` completed steps. */
  evaluatesAt(step: number): boolean {
    return step > this.stage.firstStep && this.evaluationAfter(step - 1) === step;
  }

  /** Gives another executable of the stage's plan the data and what step `step` (from 0) reads from the host. */
  writeStep(executable: Executable, step: number): void {
    for (const [tensor, values] of this.data) executable.write(tensor, values);
    this.runner.prepare(step);
    for (const [tensor, values] of this.runner.inputs) executable.write(tensor, values);
  }

  /** Gives the memory back; once is enough, more does no harm. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.executable.dispose();
  }
}

function dataOf(
  job: TrainingJob,
  { transform }: PreparedTraining,
  { plan: { handles } }: PlannedStage,
  matrix: Float32Array | null,
): (readonly [TensorId, TensorValues])[] {
  const { train, test } = job.data;
  const { offset, scale } = transform;
  const { loss } = job;
  const weights = loss.kind === 'crossEntropy' ? loss.classWeight : undefined;
  return [
    ...(handles.whitening !== undefined && matrix ? [[handles.whitening, matrix] as const] : []),
    ...(handles.classWeight !== undefined && weights
      ? [[handles.classWeight, Float32Array.from(weights)] as const]
      : []),
    [handles.trainPixels, train.pixels],
    [handles.trainLabels, train.labels],
    [handles.testPixels, test.pixels],
    [handles.testLabels, test.labels],
    [handles.offset, offset],
    [handles.scale, scale],
  ];
}
