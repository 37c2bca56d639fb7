import type { Executable } from '../backend.ts';
import type { Augmentation } from '../data/augment.ts';
import type { BatchOrder } from '../data/batches.ts';
import { hyperSize, hyperSlot, randomSize, randomSlot, type TensorId } from '../ops/op.ts';
import type { TrainingPlan } from '../plan/plan.ts';
import type { TensorValues } from '../tensor.ts';
import { lrAt, scheduleOf, type Schedule } from './schedules.ts';
import { fillHyper } from './optimizers.ts';
import type { OptimizerSettings, ScheduleSettings } from './settings.ts';

export interface LoopSettings {
  readonly optimizer: OptimizerSettings;
  readonly schedule: ScheduleSettings;
  readonly seed: number;
  /** Of the whole run. */
  readonly totalSteps: number;
  /** Of the stage: the rate is multiplied by it. Left out: 1. */
  readonly learningRateFactor?: number;
  /** Draws what happens to the images of a step; for plans that change them. */
  readonly augmentation?: Augmentation;
}

/** Runs single training steps. What a step reads from the host is a pure function of seed and step. A step allocates nothing. */
export class StepRunner {
  /** Every tensor that a step reads from the host, with its value in the step that was prepared last. */
  readonly inputs: readonly (readonly [TensorId, TensorValues])[];
  /** i32 [batch], f32 [hyperSize] and i32 [randomSize], among them. */
  readonly indices: Int32Array;
  readonly hyper = new Float32Array(hyperSize);
  readonly random = new Int32Array(randomSize);
  readonly #executable: Executable;
  readonly #order: BatchOrder;
  readonly #settings: LoopSettings;
  readonly #schedule: Schedule;
  readonly #stageFactor: number;
  /** What stage and evaluations have made of the rate. */
  #factor: number;

  constructor(executable: Executable, plan: TrainingPlan, order: BatchOrder, settings: LoopSettings) {
    this.#executable = executable;
    this.#order = order;
    this.#settings = settings;
    this.#schedule = scheduleOf(settings.schedule, settings.totalSteps);
    this.#stageFactor = settings.learningRateFactor ?? 1;
    this.#factor = this.#stageFactor;
    this.indices = new Int32Array(plan.batchSize);
    this.random[randomSlot.seedLow] = settings.seed | 0;
    this.random[randomSlot.seedHigh] = Math.floor(settings.seed / 4294967296) | 0;
    const { trainIndices, augmentation, hyper, random } = plan.handles;
    this.inputs = [
      [trainIndices, this.indices],
      [hyper, this.hyper],
      [random, this.random],
      ...(augmentation !== undefined && settings.augmentation
        ? [[augmentation, settings.augmentation.values] as const]
        : []),
    ];
  }

  /** Learning rate of the step that was prepared last, as the optimiser sees it. */
  get learningRate(): number {
    return this.hyper[hyperSlot.learningRate]!;
  }

  /** What evaluations have made of the rate (reduceOnPlateau). */
  set plateauFactor(factor: number) {
    this.#factor = this.#stageFactor * factor;
  }

  /** Fills `indices`, `hyper` and `random` for step `step` (from 0). */
  prepare(step: number): void {
    const { optimizer } = this.#settings;
    this.#order.fill(step, this.indices);
    this.#settings.augmentation?.fill(this.#order, step, this.indices);
    const rate = optimizer.learningRate * lrAt(this.#schedule, step) * this.#factor;
    fillHyper(optimizer, rate, step, this.hyper);
    this.random[randomSlot.step] = step;
  }

  /** Gives the executable everything that step `step` (from 0) reads. */
  give(step: number): void {
    this.prepare(step);
    this.#write();
  }

  /** Runs step `step` (from 0). */
  run(step: number): void {
    this.prepare(step);
    this.submit();
  }

  /** Runs the step that was prepared last. */
  submit(): void {
    this.#write();
    this.#executable.run('train');
  }

  #write(): void {
    // by place: an iterator is an object per step until the compiler has got rid of it
    for (let i = 0; i < this.inputs.length; i++) this.#executable.write(this.inputs[i]![0], this.inputs[i]![1]);
  }
}
