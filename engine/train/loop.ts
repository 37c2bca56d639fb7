import type { Executable } from '../backend.ts';
import type { Augmentation } from '../data/augment.ts';
import type { BatchOrder } from '../data/batches.ts';
import { fillPartners, type Mixup } from '../data/mixup.ts';
import { hyperSize, hyperSlot, randomSize, randomSlot, type TensorId } from '../ops/op.ts';
import { updateSegment } from '../plan/accumulate.ts';
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
  /** Draws by how much the images of a step are mixed; for plans that mix them. */
  readonly mixup?: Mixup;
}

/** Rows of a whole step, part by part, and an array that holds those of one part: the rows themselves where there is one part. */
interface Parts<T> {
  readonly all: readonly T[];
  readonly now: T;
}

function partsOf<T extends Int32Array | Float32Array>(rows: T, parts: number): Parts<T> {
  const size = rows.length / parts;
  const all = Array.from({ length: parts }, (_, i) => rows.subarray(i * size, (i + 1) * size) as T);
  return { all, now: parts === 1 ? rows : (rows.slice(0, size) as T) };
}

/** Runs single training steps. What a step reads from the host is a pure function of seed and step. A step allocates nothing. */
export class StepRunner {
  /** Every tensor that a step reads from the host, with its value in the step that was prepared last. */
  readonly inputs: readonly (readonly [TensorId, TensorValues])[];
  /** i32 [batch]: the images of the step. In the table above are those of one of its parts. */
  readonly indices: Int32Array;
  readonly hyper = new Float32Array(hyperSize);
  /** The same for parameters with fewer updates behind them. */
  readonly #lateHyper: readonly { readonly missed: number; readonly values: Float32Array }[];
  readonly random = new Int32Array(randomSize);
  /** Parts that a step is taken in, one after the other. */
  readonly parts: number;
  readonly #images: Parts<Int32Array>;
  readonly #augmentation: Parts<Float32Array>;
  readonly #partners: Parts<Int32Array>;
  /** Of the whole step; empty where nothing is mixed. */
  readonly #allPartners: Int32Array;
  readonly #executable: Executable;
  readonly #pixels: TensorId;
  /** Images of the steps ahead, where the backend wants to know them; made when first needed. */
  #ahead = new Int32Array(0);
  readonly #randomId: TensorId;
  readonly #order: BatchOrder;
  readonly #settings: LoopSettings;
  readonly #schedule: Schedule;
  readonly #stageFactor: number;
  /** What stage and evaluations have made of the rate. */
  #factor: number;
  /** The step that was prepared last. */
  #step = 0;

  constructor(executable: Executable, plan: TrainingPlan, order: BatchOrder, settings: LoopSettings) {
    this.#executable = executable;
    this.#order = order;
    this.#settings = settings;
    this.#schedule = scheduleOf(settings.schedule, settings.totalSteps);
    this.#stageFactor = settings.learningRateFactor ?? 1;
    this.#factor = this.#stageFactor;
    this.parts = plan.accumulate;
    this.indices = new Int32Array(plan.batchSize);
    this.#images = partsOf(this.indices, this.parts);
    this.random[randomSlot.seedLow] = settings.seed | 0;
    this.random[randomSlot.seedHigh] = Math.floor(settings.seed / 4294967296) | 0;
    const { trainPixels, trainIndices, augmentation, mixing, hyper, lateHyper, random } = plan.handles;
    this.#lateHyper = lateHyper.map(({ missed }) => ({ missed, values: new Float32Array(hyperSize) }));
    this.#pixels = trainPixels;
    const { mixup } = settings;
    this.#randomId = random;
    this.#augmentation = partsOf(settings.augmentation?.values ?? new Float32Array(0), this.parts);
    this.#allPartners = new Int32Array(mixup === undefined ? 0 : plan.batchSize);
    this.#partners = partsOf(this.#allPartners, this.parts);
    this.inputs = [
      [trainIndices, this.#images.now],
      [hyper, this.hyper],
      ...lateHyper.map(({ tensor }, i) => [tensor, this.#lateHyper[i]!.values] as const),
      [random, this.random],
      ...(augmentation !== undefined && settings.augmentation ? [[augmentation, this.#augmentation.now] as const] : []),
      ...(mixing !== undefined && mixup !== undefined
        ? [[mixing.weight, mixup.weight] as const, [mixing.partners, this.#partners.now] as const]
        : []),
    ];
  }

  /** Learning rate of the step that was prepared last, as the optimiser sees it. */
  get learningRate(): number {
    return this.hyper[hyperSlot.learningRate]!;
  }

  /** f32 [images of a part, augmentationSize]: what happens to the images of the part that was prepared last; empty: nothing. */
  get augmentation(): Float32Array {
    return this.#augmentation.now;
  }

  /** What evaluations have made of the rate (reduceOnPlateau). */
  set plateauFactor(factor: number) {
    this.#factor = this.#stageFactor * factor;
  }

  /** Fills `indices`, `hyper` and `random` for step `step` (from 0), and the inputs for its first part or another one. */
  prepare(step: number, part = 0): void {
    const { optimizer } = this.#settings;
    this.#order.fill(step, this.indices);
    this.#settings.augmentation?.fill(this.#order, step, this.indices);
    if (this.#settings.mixup !== undefined) {
      this.#settings.mixup.fill(step);
      fillPartners(this.indices, this.indices.length / this.parts, this.#allPartners);
    }
    const rate = optimizer.learningRate * lrAt(this.#schedule, step) * this.#factor;
    fillHyper(optimizer, rate, step, this.hyper);
    // by place: an iterator is an object per step until the compiler has got rid of it
    for (let i = 0; i < this.#lateHyper.length; i++) {
      const { missed, values } = this.#lateHyper[i]!;
      fillHyper(optimizer, rate, step - missed, values);
    }
    this.#take(step, part);
  }

  /** The inputs of a part. Each has draws of its own, those of a step that is not divided where there is one part. */
  #take(step: number, part: number): void {
    this.#step = step;
    this.random[randomSlot.step] = step * this.parts + part;
    if (this.parts === 1) return;
    this.#images.now.set(this.#images.all[part]!);
    this.#augmentation.now.set(this.#augmentation.all[part]!);
    this.#partners.now.set(this.#partners.all[part]!);
  }

  /** Lets the backend bring the images of steps `first` up to `end` (from 0) near, as far as they are of one epoch. */
  lookAhead(first: number, end: number): void {
    const executable = this.#executable;
    if (executable.lookAhead === undefined) return;
    const epoch = this.#order.epochOf(first);
    const batch = this.indices.length;
    let count = 0;
    while (first + count < end && this.#order.epochOf(first + count) === epoch) count++;
    if (this.#ahead.length < count * batch) this.#ahead = new Int32Array(count * batch);
    for (let i = 0; i < count; i++) {
      this.#order.fill(first + i, this.indices);
      this.#ahead.set(this.indices, i * batch);
    }
    executable.lookAhead(this.#pixels, this.#ahead.subarray(0, count * batch));
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
    if (this.parts === 1) {
      this.#write();
      this.#executable.run('train');
      return;
    }
    const step = this.#step;
    for (let part = 0; part < this.parts; part++) {
      this.#take(step, part);
      this.#write();
      this.#executable.run('train');
    }
    this.random[randomSlot.step] = step;
    this.#executable.write(this.#randomId, this.random);
    this.#executable.run(updateSegment);
  }

  #write(): void {
    // by place: an iterator is an object per step until the compiler has got rid of it
    for (let i = 0; i < this.inputs.length; i++) this.#executable.write(this.inputs[i]![0], this.inputs[i]![1]);
  }
}
