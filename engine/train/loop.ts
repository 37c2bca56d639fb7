import type { Executable } from '../backend.ts';
import type { BatchOrder } from '../data/batches.ts';
import { hyperSize, hyperSlot, randomSize, randomSlot } from '../ops/op.ts';
import type { TrainingPlan } from '../plan/plan.ts';
import { lrAt, scheduleOf, type Schedule } from './schedules.ts';
import { fillHyper } from './optimizers.ts';
import type { OptimizerSettings, ScheduleSettings } from './settings.ts';

export interface LoopSettings {
  readonly optimizer: OptimizerSettings;
  readonly schedule: ScheduleSettings;
  readonly seed: number;
  readonly totalSteps: number;
}

/** Runs single training steps. What a step reads from the host is a pure function of seed and step. A step allocates nothing. */
export class StepRunner {
  /** i32 [batch], f32 [hyperSize] and i32 [randomSize] of the step that was prepared last. */
  readonly indices: Int32Array;
  readonly hyper = new Float32Array(hyperSize);
  readonly random = new Int32Array(randomSize);
  /** What evaluations have made of the rate (reduceOnPlateau). */
  plateauFactor = 1;
  readonly #executable: Executable;
  readonly #plan: TrainingPlan;
  readonly #order: BatchOrder;
  readonly #settings: LoopSettings;
  readonly #schedule: Schedule;

  constructor(executable: Executable, plan: TrainingPlan, order: BatchOrder, settings: LoopSettings) {
    this.#executable = executable;
    this.#plan = plan;
    this.#order = order;
    this.#settings = settings;
    this.#schedule = scheduleOf(settings.schedule, settings.totalSteps);
    this.indices = new Int32Array(plan.batchSize);
    this.random[randomSlot.seedLow] = settings.seed | 0;
    this.random[randomSlot.seedHigh] = Math.floor(settings.seed / 4294967296) | 0;
  }

  /** Learning rate of the step that was prepared last, as the optimiser sees it. */
  get learningRate(): number {
    return this.hyper[hyperSlot.learningRate]!;
  }

  /** Fills `indices`, `hyper` and `random` for step `step` (from 0). */
  prepare(step: number): void {
    const { optimizer } = this.#settings;
    this.#order.fill(step, this.indices);
    const rate = optimizer.learningRate * lrAt(this.#schedule, step) * this.plateauFactor;
    fillHyper(optimizer, rate, step, this.hyper);
    this.random[randomSlot.step] = step;
  }

  /** Gives the executable everything that step `step` (from 0) reads. */
  give(step: number): void {
    this.prepare(step);
    const { trainIndices, hyper, random } = this.#plan.handles;
    this.#executable.write(trainIndices, this.indices);
    this.#executable.write(hyper, this.hyper);
    this.#executable.write(random, this.random);
  }

  /** Runs step `step` (from 0). */
  run(step: number): void {
    this.give(step);
    this.#executable.run('train');
  }
}
