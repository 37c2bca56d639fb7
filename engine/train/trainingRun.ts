import type { Backend, CompileOptions } from '../backend.ts';
import type { TrainingEvent, TrainingJob } from '../worker/protocol.ts';
import { scaleBeginning } from './beginning.ts';
import { decodeCheckpoint, resultHash } from './checkpoint.ts';
import type { Checkpoint } from './checkpoint.ts';
import { Checkpointing } from './checkpointing.ts';
import { ValidationWatch } from './earlyStopping.ts';
import { Evaluation, evaluateAll, type ModelMeasure } from './evaluate.ts';
import { describeJob, requireSameJob } from './jobDescription.ts';
import type { JobDescription } from './jobDescription.ts';
import { LossReader } from './lossReader.ts';
import { explainNonFiniteLoss, nonFiniteCheckpoint, nonFiniteEvaluation, nonFiniteParameter } from './nonFinite.ts';
import { OpenStage } from './openStage.ts';
import { initialState } from './optimizers.ts';
import { StepPacer } from './pacer.ts';
import { Plateau } from './plateau.ts';
import { prepareTraining } from './prepare.ts';
import type { PlannedStage, PreparedTraining } from './prepare.ts';
import { Probe } from './probe.ts';
import { recalibrateBatchNorm, type RecalibratedLayer } from './recalibrate.ts';
import { stageOfStep, updatesAfter } from './stages.ts';
import { beginningOf, countsOf, originOf, type Beginning } from './start.ts';
import { modelIds, TrainingState } from './state.ts';
import { StepLog } from './stepLog.ts';
import { readyEvent, stageEvent } from './tell.ts';
import { ToldEvaluation } from './toldEvaluation.ts';

export interface TrainingRunOptions {
  readonly compile?: CompileOptions;
  /** Milliseconds of any steady clock. */
  readonly clock: () => number;
  readonly emit: (event: TrainingEvent) => void;
}

const lossReader = ({ executable, stage }: OpenStage): LossReader =>
  new LossReader(executable, stage.plan.handles.history, stage.plan.handles.historySlots * 2);

/** Milliseconds between two 'progress' events. */
const progressEvery = 100;
/** Milliseconds that steps may take which are waited for with nothing behind them. */
const usualSlice = 15;
/** At the latest after so many milliseconds of training the state is saved on the host, which bounds the search after a NaN. */
const saveEvery = 10_000;

/**
 * One run, from initial weights, stored ones or a checkpoint to the result, in slices: whoever drives it calls `advance` until
 * `finished`, and may pause between two calls for as long as it likes. Knows no host, no thread and no timer.
 * All methods that return a promise are called one at a time.
 */
export class TrainingRun {
  readonly #job: TrainingJob;
  readonly #description: JobDescription;
  readonly #prepared: PreparedTraining;
  readonly #backend: Backend;
  readonly #options: TrainingRunOptions;
  readonly #checkpoints: Checkpointing;
  readonly #log: StepLog;
  /** Of all stages so far. */
  #forms: Readonly<Record<string, string>>;
  readonly #watch: ValidationWatch;
  readonly #plateau: Plateau;
  readonly #pacer = new StepPacer();
  /** When losses came back last. */
  #received = -Infinity;
  /** The stage whose plan is compiled: the one that the last step was taken in, or the next one will be. */
  #open: OpenStage;
  #probe: Probe | null;
  #losses: LossReader;
  #state: TrainingState;
  /** The model at its best evaluation, for a run that ends with it. */
  #best: TrainingState | null;
  #step: number;
  #seconds: number;
  #evaluatedStep: number;
  /** The evaluation under way. */
  #evaluation: ToldEvaluation | undefined;
  #finished = false;
  /** Step of the model that was put back; from then on there is nothing to save. */
  #restored: number | null = null;
  #lastProgress: number;
  #lastProgressSeconds: number;
  #lastSave: number;
  #lastCheckpoint: number;

  private constructor(
    job: TrainingJob,
    prepared: PreparedTraining,
    backend: Backend,
    open: OpenStage,
    options: TrainingRunOptions,
    description: JobDescription,
    begin: Checkpoint | Beginning,
  ) {
    const { plan, settings } = open.stage;
    this.#job = job;
    this.#description = description;
    this.#prepared = prepared;
    this.#forms = { ...begin.forms, ...open.executable.forms };
    this.#backend = backend;
    this.#open = open;
    this.#options = options;
    this.#checkpoints = new Checkpointing(options.emit);
    this.#step = begin.step;
    this.#seconds = 'seconds' in begin ? begin.seconds : 0;
    this.#evaluatedStep = begin.evaluatedStep;
    this.#watch = new ValidationWatch(job.earlyStopping, begin.stopping);
    this.#log = new StepLog(plan.handles.historySlots, settings.batchSize, this.#step);
    // a fork shows its network as it takes it over
    const firstStep = 'values' in begin ? begin.step : open.stage.firstStep;
    this.#probe = Probe.of(open.executable, { plan, firstStep }, job.diagnostics, prepared.totalSteps, options.clock);
    this.#losses = lossReader(open);
    this.#state = new TrainingState(plan);
    this.#best = job.earlyStopping?.restoreBest === true ? new TrainingState(plan, modelIds(plan)) : null;
    this.#plateau = new Plateau(job.schedule, begin.plateau);
    open.runner.plateauFactor = this.#plateau.factor;
    if ('tensors' in begin) this.#state.load(begin.tensors, begin.step);
    else this.#state.begin(begin.values, initialState(job.optimizer), begin.step);
    const { bestStep } = begin.stopping;
    if (bestStep !== null && begin.best !== null) this.#best?.load(begin.best, bestStep);
    this.#state.restore(open.executable);
    const now = options.clock();
    this.#lastProgress = now;
    this.#lastProgressSeconds = this.#seconds;
    this.#lastSave = now;
    this.#lastCheckpoint = now;
  }

  /** Checks, plans and compiles the job, loads data and weights, and emits 'ready'. Throws EngineError. */
  static async create(job: TrainingJob, backend: Backend, options: TrainingRunOptions): Promise<TrainingRun> {
    const description = describeJob(job);
    const checkpoint = job.resumeFrom === null ? null : decodeCheckpoint(job.resumeFrom);
    if (checkpoint) requireSameJob(checkpoint.job, description);
    const origin = checkpoint ?? originOf(job);
    const { step } = origin;
    // a checkpoint without counts is of a run that they follow from its stages for
    const prepared = prepareTraining(job, countsOf(origin));
    // at the end of a stage it may be that its evaluation is still to come
    const stage = stageOfStep(prepared.stages, step);
    const begin = checkpoint ?? beginningOf(job, stage.checked, prepared.totalSteps);
    const forms = begin.forms ?? {};
    // what has no steps left evaluates once: its images need not be whitened ahead
    const opened = step < prepared.totalSteps ? OpenStage.forTraining : OpenStage.open;
    const open = await opened(job, prepared, stage, backend, { ...options.compile, forms });
    try {
      if ('values' in begin) {
        const compile = { ...options.compile, forms: { ...forms, ...open.executable.forms } };
        await scaleBeginning(begin, open, backend, compile);
      }
      const run = new TrainingRun(job, prepared, backend, open, options, description, begin);
      const spoilt = checkpoint && run.#state.nonFinite();
      if (spoilt) throw nonFiniteCheckpoint(spoilt, run.step);
      options.emit(readyEvent(prepared, open, backend.name, run.step));
      run.#tellStage();
      return run;
    } catch (error) {
      await open.dispose();
      throw error;
    }
  }

  /** How many updates have been missed; nothing for a run in which none is. */
  #missed(): Pick<Checkpoint, 'missed' | 'missedAlone'> {
    const { stages, from } = this.#prepared;
    const { missed, missedAlone } = updatesAfter(this.#step, stages, from);
    const freezes = missed.size > 0 || stages.some(({ settings }) => settings.frozen.length > 0);
    return { ...((freezes || missedAlone.size > 0) && { missed }), ...(missedAlone.size > 0 && { missedAlone }) };
  }

  get #compileOptions(): CompileOptions {
    return { ...this.#options.compile, forms: this.#forms };
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
    if (!this.#isStepNext()) await this.#receiveAll();
    if (!this.#open.isReady) await this.#whitenUntil(until);
    else if (this.#evaluation) await this.#evaluateUntil(this.#evaluation, until);
    else if (this.#isValidationDue()) this.#begin(this.#open.validation);
    else if (!this.#isTrained()) {
      if (this.#step >= this.#open.stage.endStep) await this.#nextStage();
      else await this.#trainUntil(until);
    } else {
      // before the test images, so that a crash among them costs nothing
      await this.checkpoint('last');
      await this.#restoreBest();
      const batches = this.#job.recalibrateBatchNorm ?? 0;
      if (batches > 0) await this.recalibrate(batches);
      this.#begin(this.#open.test);
    }
  }

  /** Saves the run as it is after its last step; 'checkpoint' follows once it is hashed, see `settle`. */
  async checkpoint(role: 'last' | 'best'): Promise<void> {
    if (this.#restored !== null) return;
    await this.#receiveAll();
    if (role === 'last') {
      this.#lastCheckpoint = this.#options.clock();
      if (this.#checkpoints.isMade(this.#step, this.#evaluatedStep)) return;
    }
    this.#emitProgress();
    await this.#save();
    if (role === 'best') this.#best?.copyFrom(this.#state);
    await this.#checkpoints.make(role, {
      step: this.#step,
      seconds: this.#seconds,
      evaluatedStep: this.#evaluatedStep,
      stopping: this.#watch.state,
      plateau: this.#plateau.state,
      job: this.#description,
      ...this.#missed(),
      forms: this.#forms,
      tensors: this.#state.tensors,
      best: this.#watch.state.bestStep === null ? [] : (this.#best?.tensors ?? []),
    });
  }

  /** Sends off everything that has not been emitted yet. */
  async settle(): Promise<void> {
    this.#emitProgress();
    await this.#checkpoints.settle();
  }

  /**
   * Takes the running statistics of the model anew over batches of the stage it is in, the first ones of that stage's order.
   * `images`: how many images that were. `tell` hears how far it is, from 0 to 1.
   */
  async recalibrate(
    batches: number,
    tell?: (done: number) => Promise<void>,
  ): Promise<{ layers: readonly RecalibratedLayer[]; images: number }> {
    await this.#receiveAll();
    const layers = await recalibrateBatchNorm(this.#open, batches, this.#backend, this.#compileOptions, tell);
    return { layers, images: batches * this.#open.stage.settings.batchSize };
  }

  /**
   * Loss and accuracy of the model as the run ends with it, on test images and on as many that it was trained on. `tell` hears how
   * far it is, from 0 to 1.
   */
  async measure(tell?: (done: number) => Promise<void>): Promise<ModelMeasure> {
    await this.#receiveAll();
    if (this.#restored === null) await this.#restoreBest();
    while (!this.#open.isReady) await this.#whitenUntil(Infinity);
    const { stage, executable, test } = this.#open;
    const trained = this.#prepared.trainImages.slice(0, test.images);
    const half = (first: number) => tell && ((done: number) => tell(first + done / 2));
    return {
      train: await evaluateAll(new Evaluation(executable, stage.plan, 'validation', trained), half(0)),
      test: await evaluateAll(test, half(0.5)),
    };
  }

  /** Ends the run here, with a checkpoint to go on from. */
  async stop(): Promise<void> {
    await this.checkpoint('last');
    await this.#finish('stopped');
  }

  async dispose(): Promise<void> {
    // a failure to send a checkpoint has been told by then, or the run has failed for another reason
    await this.#checkpoints.settle().catch(() => undefined);
    await this.#open.dispose();
  }

  /** Tells that the open stage begins, if it does here and is one of several. */
  #tellStage(): void {
    const { stage } = this.#open;
    const { stages } = this.#prepared;
    if (stages.length > 1 && stage.firstStep === this.#step) this.#options.emit(stageEvent(this.#open, stages.length));
  }

  async #nextStage(): Promise<void> {
    this.#emitProgress();
    await this.#save();
    await this.#enter(this.#prepared.stages[this.#open.stage.index + 1]!);
    this.#tellStage();
  }

  /** Goes on in another stage's plan with the state that was saved last. */
  async #enter(stage: PlannedStage): Promise<void> {
    // first one, then the other: the images of a data set are not held twice
    await this.#open.dispose();
    // a stage that is come back to, for its best model, has no steps left
    const opened = stage.firstStep >= this.#step ? OpenStage.forTraining : OpenStage.open;
    this.#open = await opened(this.#job, this.#prepared, stage, this.#backend, this.#compileOptions);
    this.#forms = { ...this.#forms, ...this.#open.executable.forms };
    this.#state = this.#state.for(stage.plan);
    this.#best = this.#best && this.#best.for(stage.plan);
    this.#state.restore(this.#open.executable);
    this.#open.runner.plateauFactor = this.#plateau.factor;
    const { diagnostics } = this.#job;
    const { totalSteps } = this.#prepared;
    this.#probe = Probe.of(this.#open.executable, stage, diagnostics, totalSteps, this.#options.clock);
    this.#losses = lossReader(this.#open);
    this.#log.batchSize = stage.settings.batchSize;
  }

  #isTrained(): boolean {
    return this.#step >= this.#prepared.totalSteps || this.#watch.exhausted;
  }

  #isValidationDue(): boolean {
    const { validation } = this.#open;
    return validation.images > 0 && this.#evaluatedStep < this.#step && this.#open.evaluatesAt(this.#step);
  }

  /** What the steps of the stage would do otherwise; so it counts as training time. */
  async #whitenUntil(until: number): Promise<void> {
    const { clock, emit } = this.#options;
    const seconds = (await this.#open.whitening?.advanceUntil(until, clock, emit)) ?? 0;
    this.#seconds += seconds;
    this.#lastProgressSeconds += seconds;
  }

  /** Whether `advance` takes steps. */
  #isStepNext(): boolean {
    return (
      this.#evaluation === undefined &&
      !this.#isValidationDue() &&
      !this.#isTrained() &&
      this.#step < this.#open.stage.endStep
    );
  }

  async #trainUntil(until: number): Promise<void> {
    const { clock } = this.#options;
    const { runner, executable } = this.#open;
    const end = this.#open.evaluationAfter(this.#step);
    const probed = this.#probe?.isDue(this.#step) ? this.#probe : null;
    if (probed || !this.#log.hasRoom) await this.#receiveAll();
    if (!this.#log.hasRoom) this.#emitProgress();
    if (probed) {
      runner.give(this.#step);
      await probed.before(this.#step, runner.indices, runner.augmentation);
    }
    const begin = clock();
    const before = this.#seconds;
    const last = executable.queued ? Math.min(end, this.#step + this.#pacer.steps) : end;
    const from = this.#step;
    if (executable.queued) runner.lookAhead(this.#step, last);
    let now: number;
    do {
      runner.run(this.#step);
      this.#step++;
      now = clock();
      this.#log.note(runner.learningRate, before + (now - begin) / 1000);
    } while (now < until && !probed && this.#step < last && !this.#probe?.isDue(this.#step) && this.#log.hasRoom);
    this.#losses.ask(this.#step, this.#step - from, begin);
    this.#seconds = before + (now - begin) / 1000;
    // a device goes on with these steps while the losses of those before them are waited for
    while (this.#losses.pending > (executable.queued ? 1 : 0)) await this.#receive(until - begin);
    if (probed) {
      await this.#receiveAll();
      // behind the last part of a step the first one is laid out again: what was looked at before the step is compared with it
      if (runner.parts > 1) runner.give(from);
      this.#options.emit({ kind: 'probe', ...(await probed.after()) });
    }
    now = clock();
    if (now - this.#lastProgress >= progressEvery || !this.#log.hasRoom) this.#emitProgress();
    await this.#saveIfDue(now);
  }

  /** Waits for the losses of the oldest steps that were queued; `wanted`: milliseconds that as many should take. */
  async #receive(wanted: number): Promise<void> {
    const { clock } = this.#options;
    const begin = clock();
    const slice = await this.#losses.receive();
    if (slice === undefined) return;
    const now = clock();
    this.#seconds += (now - begin) / 1000;
    // the device began with them when it was done with those before, if there were some
    this.#pacer.note(slice.steps, now - Math.max(slice.begin, this.#received), wanted);
    this.#received = now;
    const bad = this.#log.collect(slice.history, slice.upTo);
    if (bad > 0) await this.#failNonFinite(bad);
  }

  /** Waits for all that is queued. Until then nobody knows whether a loss has a value. */
  async #receiveAll(): Promise<void> {
    while (this.#losses.pending > 0) await this.#receive(usualSlice);
  }

  async #saveIfDue(now: number): Promise<void> {
    // an evaluation at this step comes first, so that a resumed run need not repeat it
    if (this.#isValidationDue() || this.#isTrained()) return;
    if (now - this.#lastCheckpoint >= this.#job.checkpointSeconds * 1000) await this.checkpoint('last');
    else if (now - this.#lastSave >= saveEvery) await this.#save();
  }

  #begin(evaluation: Evaluation): void {
    this.#emitProgress();
    this.#evaluation = new ToldEvaluation(evaluation, this.#step, this.#options.clock, this.#options.emit);
  }

  async #evaluateUntil(told: ToldEvaluation, until: number): Promise<void> {
    const result = await told.advanceUntil(until);
    if (result === undefined) return;
    const { split, images } = told.evaluation;
    this.#evaluation = undefined;
    if (!Number.isFinite(result.loss)) {
      // a step since the last save may have spoilt a parameter: then that is what to tell
      await this.#save();
      throw nonFiniteEvaluation(split, this.#step);
    }
    this.#options.emit({ kind: 'evaluation', split, step: this.#step, ...result, images, seconds: this.#seconds });
    if (split === 'test') {
      await this.#finish(this.#watch.exhausted ? 'earlyStopping' : 'completed');
      return;
    }
    this.#evaluatedStep = this.#step;
    const isRateNew = this.#plateau.observe(result);
    this.#open.runner.plateauFactor = this.#plateau.factor;
    if (this.#watch.observe(result, this.#step)) await this.checkpoint('best');
    // the search after a NaN runs steps again from the saved state, all at the same factor of the rate
    else if (isRateNew) await this.#save();
    await this.#saveIfDue(this.#options.clock());
  }

  /** Puts the best model back, at the image size it was the best at, after everything else has been saved. */
  async #restoreBest(): Promise<void> {
    const { bestStep } = this.#watch.state;
    if (this.#best === null || bestStep === null) return;
    const stage = stageOfStep(this.#prepared.stages, bestStep);
    if (stage !== this.#open.stage) {
      await this.#save();
      await this.#enter(stage);
    }
    this.#best.restore(this.#open.executable);
    this.#restored = bestStep;
  }

  async #save(): Promise<void> {
    await this.#state.save(this.#open.executable, this.#step);
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
    const images = entries.loss.length * this.#open.stage.settings.batchSize;
    this.#options.emit({ kind: 'progress', ...entries, imagesPerSecond: seconds > 0 ? images / seconds : 0 });
  }

  async #failNonFinite(step: number): Promise<never> {
    this.#losses.forget();
    this.#emitProgress();
    this.#step = step;
    const { referenceBackend } = await import('../reference/index.ts');
    throw await explainNonFiniteLoss({
      executable: this.#open.executable,
      plan: this.#open.stage.plan,
      runner: this.#open.runner,
      state: this.#state,
      step,
      data: this.#open.data,
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
