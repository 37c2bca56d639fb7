import type { StepProbe, TrainingEvent } from '../../engine/index.ts';
import type { LabSettings } from '../app.ts';
import type { LabEvent } from '../contract/client.ts';
import { asLabError, toErrorRecord, type LabError } from '../contract/errors.ts';
import type { ErrorRecord, RunDetails, RunRecord, RunStatus } from '../contract/records.ts';
import { withResuming } from '../contract/resuming.ts';
import type { CheckpointFiles, Clock, RunEventRecord, RunPatch, Store, Trainer, TrainingHandle } from '../ports.ts';
import { choiceWords, sameBackend } from './backend.ts';
import { SeriesBuffer } from './buffer.ts';
import { CheckpointWriter } from './checkpointWriter.ts';
import { evaluationProgress } from './evaluation.ts';
import { RunProgress } from './progress.ts';

export interface SessionOptions {
  readonly store: Store;
  readonly trainer: Trainer;
  readonly checkpoints: CheckpointFiles;
  readonly clock: Clock;
  readonly settings: LabSettings;
  readonly emit: (event: LabEvent) => void;
  /** The session's hold on a slot of the queue has changed, or it is over. */
  readonly changed: (session: RunSession) => void;
}

/** What a 'stop' that is under way will be called. */
type Ending = 'stopped' | 'interrupted';

/**
 * One run with its worker, from its start to its end. Owns the worker's handle, the points that are not stored yet and the
 * checkpoints that are not written yet; everything else lies in the store, which is written in one transaction per flush.
 */
export class RunSession {
  readonly id: string;
  readonly #options: SessionOptions;
  readonly #writer: CheckpointWriter;
  #progress: RunProgress;
  readonly #buffer = new SeriesBuffer();
  readonly #probes: StepProbe[] = [];
  readonly #notes: RunEventRecord[] = [];
  readonly #waiters = new Set<() => void>();
  #handle: TrainingHandle | null = null;
  /** As the store has it, or would have it by now. */
  #record: RunRecord;
  #patch: RunPatch = {};
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #status: RunStatus = 'running';
  #step: number;
  #ending: Ending | null = null;
  /** Set once the worker has said its last word (or was ended); nothing it says after that counts. */
  #deaf = false;
  /** Its end is known, and is being recorded. */
  #ended = false;
  #over = false;
  /** The lab closes: an end that cannot be recorded is left to the next start. */
  #givenUp = false;
  #wake: (() => void) | undefined;
  /** Watchers have been told that it evaluates. */
  #evaluating = false;
  /** A write that failed: the run is paused until it succeeds. */
  #trouble: LabError | null = null;
  /** The worker has been told to pause because of it. */
  #askedToPause = false;
  #userPaused = false;

  constructor(run: RunDetails, options: SessionOptions) {
    this.id = run.id;
    this.#options = options;
    const { spec: _spec, events: _events, ...record } = run;
    this.#record = record;
    this.#step = run.step;
    this.#progress = RunProgress.from(options.store.readSeries(run.id));
    this.#writer = new CheckpointWriter({
      ...options,
      runId: run.id,
      bestEvery: options.settings.bestEvery,
      record: (record) => {
        const before = this.#patch;
        if (record.role === 'last') this.#patch = { ...before, checkpointStep: record.step };
        try {
          return this.#store(() => options.store.putCheckpoint(record));
        } catch (error) {
          // one that is not recorded is none to go on from
          this.#patch = before;
          throw error;
        }
      },
      failed: (error) => this.#troubled(error),
    });
  }

  /** Whether it trains, or will by itself: then it takes one of the places of the queue. */
  get holdsSlot(): boolean {
    return !this.#over && (this.#status === 'running' || this.#trouble !== null);
  }

  get over(): boolean {
    return this.#over;
  }

  get paused(): boolean {
    return this.#status === 'paused';
  }

  /** Starts the worker. `startedAt` and the status have been recorded by then. */
  start(run: RunDetails, threads: number, resumeFrom: Uint8Array | null, start: Uint8Array | null = null): void {
    try {
      const { trainer } = this.#options;
      // what went on one backend goes on there: only so is the result that of an uninterrupted run
      const same = resumeFrom === null ? {} : sameBackend(run);
      this.#handle = trainer.start({ runId: run.id, spec: run.spec, threads, resumeFrom, start, ...same }, (event) =>
        this.#hear(event),
      );
    } catch (error) {
      void this.#fail(asLabError(error));
    }
  }

  /** Resolves when the run is paused or over, or the worker has not answered within the lab's patience. */
  async pause(): Promise<void> {
    this.#userPaused = true;
    if (this.#over || this.#status === 'paused') {
      if (this.#trouble) this.#options.changed(this);
      return;
    }
    this.#handle?.pause();
    await this.#until(() => this.#over || this.#status === 'paused');
  }

  /** Goes on after a pause. Rejects while what made it pause (a full disk) is still in the way. */
  async resume(): Promise<void> {
    if (this.#over || this.#status !== 'paused') return;
    if (this.#trouble) {
      const error = await this.#tryAgain();
      if (error) throw error;
    }
    this.#goOn('Resumed.');
  }

  /** Ends the run where it is, with a checkpoint. */
  async stop(ending: Ending = 'stopped'): Promise<void> {
    if (this.#over) return;
    if (this.#ended && ending === 'interrupted') this.#giveUp();
    this.#ending = ending;
    this.#handle?.stop();
    if ((await this.#until(() => this.#over)) || this.#ended) return;
    // a worker that does not answer is ended; what it last saved counts
    this.#deaf = true;
    await this.#handle?.kill();
    await this.#end({ status: ending, reason: 'stopped' }, ending, 'The training thread did not answer and was ended.');
  }

  #hear(event: TrainingEvent): void {
    if (this.#deaf) return;
    switch (event.kind) {
      case 'backend': {
        const { choice } = event;
        this.#evaluated();
        this.#change({
          backendChoice: { ...choice, measured: choice.measured.map((each) => ({ ...each })) },
          backend: choice.backend,
        });
        const words = choiceWords(choice);
        if (words !== undefined) this.#note('backend', words);
        break;
      }
      case 'ready': {
        const { backend, threads, variant, parameters, macsPerImage, stepsPerEpoch, totalSteps, step } = event;
        if (step < this.#step) this.#rewind(step);
        this.#step = step;
        this.#change({ backend, threads, parameters, macsPerImage, stepsPerEpoch, totalSteps, step });
        const where = step === 0 ? 'Training starts' : `Training goes on after step ${step}`;
        this.#note(
          'ready',
          `${where} on the ${backend} backend${variant === 'revectorize' ? ' (256-bit vectors)' : ''} with ${threads === 1 ? '1 thread' : `${threads} threads`}.`,
        );
        break;
      }
      case 'stage': {
        const { stage, stages, imageSize, batchSize } = event;
        this.#step = event.step;
        this.#note('stage', `Stage ${stage + 1} of ${stages}: ${imageSize.join('×')} pixels, batches of ${batchSize}.`);
        break;
      }
      case 'whitening': {
        const { images, seconds } = event;
        this.#note(
          'whitening',
          `${images.toLocaleString('en-US')} images are whitened once, before the steps: about ${Math.ceil(seconds)} s.`,
        );
        break;
      }
      case 'progress': {
        this.#step = event.step;
        this.#buffer.progress(event);
        this.#progress.steps(event.loss, event.accuracy);
        const seconds = event.seconds.at(-1);
        const { step, imagesPerSecond } = event;
        this.#change({ step, imagesPerSecond, ...(seconds === undefined ? {} : { seconds }) });
        break;
      }
      case 'evaluating':
        this.#evaluating = true;
        this.#options.emit({
          name: 'run.evaluating',
          data: { id: this.id, evaluation: evaluationProgress(event) },
        });
        break;
      case 'evaluation':
        this.#evaluated();
        this.#buffer.evaluation(event);
        this.#progress.evaluation(event);
        this.#change({ step: event.step });
        break;
      case 'probe': {
        const { kind: _kind, ...probe } = event;
        this.#probes.push(probe);
        this.#change({});
        break;
      }
      case 'checkpoint':
        this.#writer.add(event);
        break;
      case 'paused':
        void this.#paused(event.step);
        break;
      case 'resumed':
        break;
      case 'finished':
        this.#deaf = true;
        void this.#finish(event);
        break;
      case 'failed':
        this.#deaf = true;
        void this.#fail(event.error, event.step);
        break;
    }
  }

  async #paused(step: number): Promise<void> {
    this.#step = step;
    await this.#writer.settle();
    if (this.#over || this.#ending) return;
    this.#status = 'paused';
    this.#change({ status: 'paused', step, error: this.#trouble ? toErrorRecord(this.#trouble) : null });
    const why = this.#trouble ? `Paused: ${this.#trouble.message}` : 'Paused.';
    this.#note(this.#trouble ? 'disk' : 'paused', why);
    this.#flush();
    this.#settled();
    this.#options.changed(this);
  }

  /** The worker goes on from an earlier step, on another backend: what came after it will come once more. */
  #rewind(step: number): void {
    const { store, emit } = this.#options;
    if (!this.#flush()) return;
    // from the start, the evaluation before the first step comes once more too
    const last = step === 0 ? -1 : step;
    store.truncateSeries(this.id, last);
    this.#progress = RunProgress.from(store.readSeries(this.id));
    emit({ name: 'run.series', data: { id: this.id, truncatedTo: last, series: [] } });
  }

  #goOn(text: string): void {
    this.#userPaused = false;
    this.#askedToPause = false;
    this.#status = 'running';
    this.#change({ status: 'running', error: null });
    this.#note('resumed', text);
    this.#flush();
    this.#handle?.resume();
    this.#options.changed(this);
  }

  async #finish(event: Extract<TrainingEvent, { kind: 'finished' }>): Promise<void> {
    const { step, seconds, reason, resultHash, restoredStep } = event;
    const restored =
      restoredStep === undefined ? '' : ` The model of step ${restoredStep}, the best one, was put back.`;
    this.#step = step;
    const status = reason === 'stopped' ? (this.#ending ?? 'stopped') : 'finished';
    const texts = {
      completed: `Finished after ${step} steps.${restored}`,
      earlyStopping: `Early stopping ended the run after ${step} steps.${restored}`,
      stopped:
        status === 'interrupted'
          ? `Interrupted after ${step} steps: the lab was closed.`
          : `Stopped after ${step} steps.`,
    };
    const result = status === 'interrupted' ? null : resultHash;
    await this.#end({ status, reason, step, seconds, resultHash: result, error: null }, status, texts[reason]);
  }

  async #fail(
    error: ErrorRecord | LabError | Extract<TrainingEvent, { kind: 'failed' }>['error'],
    step = this.#step,
  ): Promise<void> {
    this.#deaf = true;
    this.#step = step;
    await this.#end({ status: 'failed', error: toErrorRecord(error) }, 'failed', error.message);
  }

  /** Watchers that were told of an evaluation are told that it is over. */
  #evaluated(): void {
    if (this.#evaluating) this.#options.emit({ name: 'run.evaluating', data: { id: this.id, evaluation: null } });
    this.#evaluating = false;
  }

  async #end(patch: RunPatch, kind: string, text: string): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#evaluated();
    await this.#writer.settle();
    const lost = this.#trouble;
    this.#trouble = null;
    this.#status = patch.status ?? 'failed';
    // only now it is known which checkpoint there is
    const error = patch.error && withResuming(patch.error, { ...this.#record, ...this.#patch });
    this.#change({ ...patch, ...(error && { error }), endedAt: this.#options.clock.now() });
    if (lost) this.#note('disk', `The last checkpoint was not written: ${lost.message}`);
    this.#note(kind, error?.message ?? text);
    // the end counts once it is recorded; if the lab closes before that, the next start calls the run interrupted
    while (!this.#flush() && !this.#givenUp) await this.#sleep();
    this.#over = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#retryTimer);
    this.#writer.drop();
    this.#settled();
    this.#options.changed(this);
  }

  /** A write failed. Training pauses and the write is tried again until it succeeds or the user decides otherwise. */
  #troubled(error: LabError): void {
    this.#trouble = error;
    if (this.#ended || this.#ending || this.#deaf) return;
    if (!this.#askedToPause) this.#handle?.pause();
    this.#askedToPause = true;
    this.#retryTimer ??= setTimeout(() => void this.#retryLater(), this.#options.settings.retryEvery);
  }

  async #retryLater(): Promise<void> {
    this.#retryTimer = undefined;
    if (this.#ended || !this.#trouble || this.#ending) return;
    const error = await this.#tryAgain();
    if (!error && this.#status === 'paused' && !this.#userPaused) this.#goOn('Resumed: what stood in the way is gone.');
  }

  async #tryAgain(): Promise<LabError | null> {
    const before = this.#trouble;
    this.#trouble = null;
    const error = (this.#flush() ? null : this.#trouble) ?? (await this.#writer.retry());
    if (error) {
      this.#trouble = null;
      this.#troubled(error);
    } else if (before && this.#status === 'paused') this.#change({ error: null });
    return error;
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#options.settings.retryEvery);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #giveUp(): void {
    this.#givenUp = true;
    this.#wake?.();
  }

  /** Resolves with false when the lab's patience ends first. */
  #until(reached: () => boolean): Promise<boolean> {
    if (reached()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (answer: boolean): void => {
        clearTimeout(timer);
        this.#waiters.delete(look);
        resolve(answer);
      };
      const look = (): void => {
        if (reached()) done(true);
      };
      const timer = setTimeout(() => done(false), this.#options.settings.patience);
      this.#waiters.add(look);
    });
  }

  #settled(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  #change(patch: RunPatch): void {
    this.#patch = { ...this.#patch, ...patch };
    this.#timer ??= setTimeout(() => this.#flush(), this.#options.settings.flushEvery);
  }

  #note(kind: string, text: string): void {
    this.#notes.push({ at: this.#options.clock.now(), step: this.#step, kind, text });
    this.#timer ??= setTimeout(() => this.#flush(), this.#options.settings.flushEvery);
  }

  /** Stores and tells what has come together. False when the store could not be written; nothing is lost then. */
  #flush(): boolean {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#buffer.empty && this.#probes.length + this.#notes.length === 0 && Object.keys(this.#patch).length === 0)
      return true;
    try {
      this.#store(() => undefined);
      return true;
    } catch (error) {
      this.#troubled(asLabError(error));
      // the store cannot tell that the run pauses, so watchers are told from here
      this.#options.emit({ name: 'run.changed', data: { run: { ...this.#record, ...this.#patch } } });
      return false;
    }
  }

  /** One transaction with `also` in it, then the events. Throws what the store throws. */
  #store<T>(also: () => T): T {
    const { store, emit } = this.#options;
    const [run, answer] = store.transaction(() => {
      if (!this.#buffer.empty) store.appendSeries(this.id, this.#buffer.chunks());
      if (this.#probes.length > 0) store.appendProbes(this.id, this.#probes);
      for (const note of this.#notes) store.appendEvent(this.id, note);
      const patch = { ...this.#patch, metrics: this.#progress.metrics(), sparkline: this.#progress.sparkline() };
      return [store.updateRun(this.id, patch), also()];
    });
    this.#record = run;
    const series = this.#buffer.forWatchers();
    this.#buffer.clear();
    const probed = this.#probes.splice(0).at(-1);
    this.#notes.length = 0;
    this.#patch = {};
    if (probed) emit({ name: 'run.probe', data: { id: this.id, step: probed.step } });
    if (series.length > 0) emit({ name: 'run.series', data: { id: this.id, series } });
    emit({ name: 'run.changed', data: { run } });
    return answer;
  }
}
