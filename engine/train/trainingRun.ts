import type { Backend, CompileOptions, Executable } from '../backend.ts';
import { initialValues } from '../layers/initialize.ts';
import type { TensorId } from '../ops/op.ts';
import type { TensorValues } from '../tensor.ts';
import type { TrainingEvent, TrainingJob } from '../worker/protocol.ts';
import { decodeCheckpoint, encodeCheckpoint, resultHash } from './checkpoint.ts';
import type { Checkpoint } from './checkpoint.ts';
import { ValidationWatch } from './earlyStopping.ts';
import type { EvaluationResult } from './earlyStopping.ts';
import { Evaluation } from './evaluate.ts';
import { describeJob, requireSameJob } from './jobDescription.ts';
import type { JobDescription } from './jobDescription.ts';
import { StepRunner } from './loop.ts';
import { scaleToUnitVariance, usesLsuv } from './lsuv.ts';
import { explainNonFiniteLoss, nonFiniteEvaluation, nonFiniteParameter } from './nonFinite.ts';
import { initialState } from './optimizers.ts';
import { prepareTraining } from './prepare.ts';
import type { PreparedTraining } from './prepare.ts';
import { Probe } from './probe.ts';
import { sha256 } from './safetensors.ts';
import { plateauAfter, plateauOf, plateauStart } from './schedules.ts';
import type { PlateauSettings, PlateauState } from './schedules.ts';
import { modelIds, TrainingState } from './state.ts';
import { StepLog } from './stepLog.ts';

export interface TrainingRunOptions {
  readonly compile?: CompileOptions;
  /** Milliseconds of any steady clock. */
  readonly clock: () => number;
  readonly emit: (event: TrainingEvent) => void;
}

/** Milliseconds between two 'progress' events. */
const progressEvery = 100;
/** At the latest after so many milliseconds of training the state is saved on the host, which bounds the search after a NaN. */
const saveEvery = 10_000;

/**
 * One run, from initial weights (or a checkpoint) to the result, in slices: whoever drives it calls `advance` until
 * `finished`, and may pause between two calls for as long as it likes. Knows no host, no thread and no timer.
 * All methods that return a promise are called one at a time.
 */
export class TrainingRun {
  readonly #job: TrainingJob;
  readonly #description: JobDescription;
  readonly #prepared: PreparedTraining;
  readonly #executable: Executable;
  readonly #options: TrainingRunOptions;
  readonly #runner: StepRunner;
  readonly #log: StepLog;
  readonly #probe: Probe | null;
  readonly #state: TrainingState;
  readonly #watch: ValidationWatch;
  /** The model at its best evaluation, for a run that ends with it. */
  readonly #best: TrainingState | null;
  readonly #plateauSettings: PlateauSettings | null;
  #plateau: PlateauState | null;
  readonly #validation: Evaluation;
  readonly #test: Evaluation;
  readonly #history: Float32Array;
  #step: number;
  #seconds: number;
  #evaluatedStep: number;
  /** The evaluation under way. */
  #evaluation: Evaluation | undefined;
  #finished = false;
  /** Step of the model that was put back; from then on there is nothing to save. */
  #restored: number | null = null;
  #lastProgress: number;
  #lastProgressSeconds: number;
  #lastSave: number;
  #lastCheckpoint: number;
  /** Of the last 'last' checkpoint: a second one of the same state is not made. */
  #checkpointed = { step: -1, evaluatedStep: -1 };
  /** The hash of a checkpoint is computed beside the training; at most one at a time. */
  #hashing: Promise<void> = Promise.resolve();

  private constructor(
    job: TrainingJob,
    prepared: PreparedTraining,
    executable: Executable,
    options: TrainingRunOptions,
    description: JobDescription,
    checkpoint: Checkpoint | null,
  ) {
    const { plan, order, totalSteps } = prepared;
    this.#job = job;
    this.#description = description;
    this.#prepared = prepared;
    this.#executable = executable;
    this.#options = options;
    this.#step = checkpoint?.step ?? 0;
    this.#seconds = checkpoint?.seconds ?? 0;
    this.#evaluatedStep = checkpoint?.evaluatedStep ?? 0;
    this.#watch = new ValidationWatch(job.earlyStopping, checkpoint?.stopping);
    this.#runner = new StepRunner(executable, plan, order, { ...job, totalSteps });
    this.#log = new StepLog(plan.handles.historySlots, job.batchSize, this.#step);
    this.#probe = Probe.of(executable, plan, job.diagnostics, options.clock);
    this.#history = new Float32Array(plan.handles.historySlots * 2);
    this.#validation = new Evaluation(executable, plan, 'validation', prepared.validationImages);
    this.#test = new Evaluation(executable, plan, 'test', prepared.testImages);
    this.#state = new TrainingState(plan);
    this.#best = job.earlyStopping?.restoreBest === true ? new TrainingState(plan, modelIds(plan)) : null;
    this.#plateauSettings = plateauOf(job.schedule);
    this.#plateau = this.#plateauSettings && (checkpoint?.plateau ?? plateauStart(1));
    this.#runner.plateauFactor = this.#plateau?.learningRate ?? 1;
    if (checkpoint) {
      this.#state.load(checkpoint.tensors, checkpoint.step);
      const { bestStep } = checkpoint.stopping;
      if (bestStep !== null) this.#best?.load(checkpoint.best, bestStep);
    } else {
      this.#state.begin(initialValues(prepared.checked.nodes, job.seed), initialState(job.optimizer));
    }
    this.#state.restore(executable);
    for (const [tensor, values] of this.#data()) executable.write(tensor, values);
    const now = options.clock();
    this.#lastProgress = now;
    this.#lastProgressSeconds = this.#seconds;
    this.#lastSave = now;
    this.#lastCheckpoint = now;
  }

  /** Checks, plans and compiles the job, loads data and weights, and emits 'ready'. Throws EngineError. */
  static async create(job: TrainingJob, backend: Backend, options: TrainingRunOptions): Promise<TrainingRun> {
    const prepared = prepareTraining(job);
    const description = describeJob(job);
    const checkpoint = job.resumeFrom === null ? null : decodeCheckpoint(job.resumeFrom);
    if (checkpoint) requireSameJob(checkpoint.job, description);
    const executable = await backend.compile(prepared.plan, options.compile);
    try {
      const run = new TrainingRun(job, prepared, executable, options, description, checkpoint);
      if (checkpoint === null && usesLsuv(prepared.checked.nodes)) await run.#scaleWeights(backend);
      run.#emitReady(backend);
      return run;
    } catch (error) {
      await executable.dispose();
      throw error;
    }
  }

  /** Completed steps. */
  get step(): number {
    return this.#step;
  }

  /** True once 'finished' has been emitted. */
  get finished(): boolean {
    return this.#finished;
  }

  /**
   * Goes on for about `milliseconds`: trains, or evaluates when that is due, or ends the run.
   * Throws EngineError('nonFinite') with step and layer when the loss or a parameter is not finite.
   */
  async advance(milliseconds: number): Promise<void> {
    const until = this.#options.clock() + milliseconds;
    if (this.#evaluation) await this.#evaluateUntil(this.#evaluation, until);
    else if (this.#isValidationDue()) this.#begin(this.#validation);
    else if (!this.#isTrained()) await this.#trainUntil(until);
    else {
      // before the test images, so that a crash among them costs nothing
      await this.checkpoint('last');
      this.#restoreBest();
      this.#begin(this.#test);
    }
  }

  /** Saves the run as it is after its last step; 'checkpoint' follows once it is hashed, see `settle`. */
  async checkpoint(role: 'last' | 'best'): Promise<void> {
    if (this.#restored !== null) return;
    if (role === 'last') {
      this.#lastCheckpoint = this.#options.clock();
      const { step, evaluatedStep } = this.#checkpointed;
      if (step === this.#step && evaluatedStep === this.#evaluatedStep) return;
      this.#checkpointed = { step: this.#step, evaluatedStep: this.#evaluatedStep };
    }
    this.#emitProgress();
    await this.#save();
    if (role === 'best') this.#best?.copyFrom(this.#state);
    await this.#hashing;
    const bytes = encodeCheckpoint({
      step: this.#step,
      seconds: this.#seconds,
      evaluatedStep: this.#evaluatedStep,
      stopping: this.#watch.state,
      plateau: this.#plateau,
      job: this.#description,
      tensors: this.#state.tensors,
      best: this.#watch.state.bestStep === null ? [] : (this.#best?.tensors ?? []),
    });
    const step = this.#step;
    this.#hashing = sha256(bytes).then((hash) => this.#options.emit({ kind: 'checkpoint', role, step, bytes, hash }));
  }

  /** Sends off everything that has not been emitted yet. */
  async settle(): Promise<void> {
    this.#emitProgress();
    await this.#hashing;
  }

  /** Ends the run here, with a checkpoint to go on from. */
  async stop(): Promise<void> {
    await this.checkpoint('last');
    await this.#finish('stopped');
  }

  async dispose(): Promise<void> {
    // a failure to send a checkpoint has been told by then, or the run has failed for another reason
    await this.#hashing.catch(() => undefined);
    await this.#executable.dispose();
  }

  #data(): (readonly [TensorId, TensorValues])[] {
    const { handles } = this.#prepared.plan;
    const { train, test } = this.#job.data;
    const { offset, scale } = this.#prepared.transform;
    const { loss } = this.#job;
    const weights = loss.kind === 'crossEntropy' ? loss.classWeight : undefined;
    return [
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

  /** Begins anew with weights that the first batch has scaled. */
  async #scaleWeights(backend: Backend): Promise<void> {
    const { checked, plan } = this.#prepared;
    const values = initialValues(checked.nodes, this.#job.seed);
    const compile = this.#options.compile ?? {};
    const write = (executable: Executable): void => this.#writeStep(executable, 0);
    await scaleToUnitVariance({ plan, nodes: checked.nodes, backend, compile, write }, values);
    this.#state.begin(values, initialState(this.#job.optimizer));
    this.#state.restore(this.#executable);
  }

  /** Gives another executable of this plan the data and what step `step` (from 0) reads from the host. */
  #writeStep(executable: Executable, step: number): void {
    const { trainIndices, random } = this.#prepared.plan.handles;
    for (const [tensor, values] of this.#data()) executable.write(tensor, values);
    this.#runner.prepare(step);
    executable.write(trainIndices, this.#runner.indices);
    executable.write(random, this.#runner.random);
  }

  #emitReady(backend: Backend): void {
    const { checked, order, totalSteps, trainImages, validationImages } = this.#prepared;
    this.#options.emit({
      kind: 'ready',
      backend: backend.name,
      threads: this.#executable.threads,
      parameters: checked.nodes.reduce((sum, node) => sum + node.parameterCount, 0),
      macsPerImage: checked.nodes.reduce((sum, node) => sum + node.macs, 0),
      planBytes: this.#executable.bytes,
      stepsPerEpoch: order.stepsPerEpoch,
      totalSteps,
      step: this.#step,
      trainImages: trainImages.length,
      validationImages: validationImages.length,
    });
  }

  #isTrained(): boolean {
    return this.#step >= this.#prepared.totalSteps || this.#watch.exhausted;
  }

  #isValidationDue(): boolean {
    const { evaluateEvery, totalSteps } = this.#prepared;
    return (
      this.#validation.images > 0 &&
      this.#evaluatedStep < this.#step &&
      (this.#step % evaluateEvery === 0 || this.#step >= totalSteps)
    );
  }

  async #trainUntil(until: number): Promise<void> {
    const { clock } = this.#options;
    const { evaluateEvery, totalSteps, plan } = this.#prepared;
    const evaluation = (Math.floor(this.#step / evaluateEvery) + 1) * evaluateEvery;
    const end = Math.min(totalSteps, evaluation);
    const probed = this.#probe?.isDue(this.#step) ? this.#probe : null;
    if (probed) {
      this.#runner.give(this.#step);
      await probed.before(this.#step, this.#runner.indices);
    }
    const begin = clock();
    const before = this.#seconds;
    let now: number;
    do {
      this.#runner.run(this.#step);
      this.#step++;
      now = clock();
      this.#log.note(this.#runner.learningRate, before + (now - begin) / 1000);
    } while (now < until && !probed && this.#step < end && !this.#probe?.isDue(this.#step) && this.#log.hasRoom);
    await this.#executable.read(plan.handles.history, this.#history);
    now = clock();
    this.#seconds = before + (now - begin) / 1000;
    const bad = this.#log.collect(this.#history);
    if (bad > 0) await this.#failNonFinite(bad);
    if (probed) this.#options.emit({ kind: 'probe', ...(await probed.after()) });
    if (now - this.#lastProgress >= progressEvery || !this.#log.hasRoom) this.#emitProgress();
    await this.#saveIfDue(now);
  }

  async #saveIfDue(now: number): Promise<void> {
    // an evaluation at this step comes first, so that a resumed run need not repeat it
    if (this.#isValidationDue() || this.#isTrained()) return;
    if (now - this.#lastCheckpoint >= this.#job.checkpointSeconds * 1000) await this.checkpoint('last');
    else if (now - this.#lastSave >= saveEvery) await this.#save();
  }

  #begin(evaluation: Evaluation): void {
    this.#emitProgress();
    evaluation.begin();
    this.#evaluation = evaluation;
  }

  async #evaluateUntil(evaluation: Evaluation, until: number): Promise<void> {
    let result: EvaluationResult | undefined;
    do result = await evaluation.advance();
    while (result === undefined && this.#options.clock() < until);
    if (result === undefined) return;
    this.#evaluation = undefined;
    const { split, images } = evaluation;
    if (!Number.isFinite(result.loss)) throw nonFiniteEvaluation(split, this.#step);
    this.#options.emit({ kind: 'evaluation', split, step: this.#step, ...result, images, seconds: this.#seconds });
    if (split === 'test') {
      await this.#finish(this.#watch.exhausted ? 'earlyStopping' : 'completed');
      return;
    }
    this.#evaluatedStep = this.#step;
    const lowered = this.#observePlateau(result);
    if (this.#watch.observe(result, this.#step)) await this.checkpoint('best');
    // the search after a NaN runs steps again from the saved state, all at the same factor of the rate
    else if (lowered) await this.#save();
    await this.#saveIfDue(this.#options.clock());
  }

  /** True if the rate is another from now on. */
  #observePlateau({ loss, accuracy }: EvaluationResult): boolean {
    if (this.#plateauSettings === null || this.#plateau === null) return false;
    const before = this.#plateau.learningRate;
    const metric = this.#plateauSettings.mode === 'min' ? loss : accuracy;
    this.#plateau = plateauAfter(this.#plateauSettings, this.#plateau, metric);
    this.#runner.plateauFactor = this.#plateau.learningRate;
    return this.#plateau.learningRate !== before;
  }

  /** Puts the best model back, after everything else has been saved. */
  #restoreBest(): void {
    const { bestStep } = this.#watch.state;
    if (this.#best === null || bestStep === null) return;
    this.#best.restore(this.#executable);
    this.#restored = bestStep;
  }

  async #save(): Promise<void> {
    await this.#state.save(this.#executable, this.#step);
    this.#lastSave = this.#options.clock();
    const found = this.#state.nonFinite();
    if (found) throw nonFiniteParameter(found, this.#step);
  }

  #emitProgress(): void {
    const now = this.#options.clock();
    this.#lastProgress = now;
    if (this.#log.length === 0) return;
    const entries = this.#log.take();
    const seconds = this.#seconds - this.#lastProgressSeconds;
    this.#lastProgressSeconds = this.#seconds;
    const images = entries.loss.length * this.#job.batchSize;
    this.#options.emit({ kind: 'progress', ...entries, imagesPerSecond: seconds > 0 ? images / seconds : 0 });
  }

  async #failNonFinite(step: number): Promise<never> {
    this.#emitProgress();
    this.#step = step;
    const { referenceBackend } = await import('../reference/index.ts');
    throw await explainNonFiniteLoss({
      executable: this.#executable,
      plan: this.#prepared.plan,
      runner: this.#runner,
      state: this.#state,
      step,
      data: this.#data(),
      reference: referenceBackend,
    });
  }

  async #finish(reason: 'completed' | 'earlyStopping' | 'stopped'): Promise<void> {
    await this.settle();
    await this.#save();
    this.#finished = true;
    this.#options.emit({
      kind: 'finished',
      reason,
      step: this.#step,
      seconds: this.#seconds,
      ...(this.#restored === null ? {} : { restoredStep: this.#restored }),
      resultHash: await resultHash(this.#state.tensors),
    });
  }
}
