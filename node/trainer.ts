import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { TrainingCommand, TrainingEvent, TrainingJob } from '../engine/index.ts';
import { toErrorRecord } from '../lab/contract/errors.ts';
import type { Trainer, TrainingHandle, TrainRequest } from '../lab/ports.ts';
import { effectiveGraph } from '../lab/spec/resolve.ts';
import { stageSettings } from '../lab/spec/stages.ts';
import type { DatasetImages, NodeDatasets } from './datasets.ts';

export interface TrainerOptions {
  readonly datasets: Pick<NodeDatasets, 'images'>;
  /** The worker's program: engine/worker/entry.node.ts, or what a bundler made of it. */
  readonly entry: URL;
  /** Seconds between checkpoints of a running run. */
  readonly checkpointSeconds: number;
}

/** The end of a worker's stderr that goes into the error of a run whose worker died. */
const keptStderr = 4000;

type Listener = (event: TrainingEvent) => void;

/** Trains each run in a worker_threads Worker of its own; images lie in memory that all of them share. */
export function createTrainer(options: TrainerOptions): Trainer {
  return { start: (request, listener) => new TrainingWorker(options, request, listener) };
}

/**
 * One run's worker. Owns the worker from `start` to its last event; tells the listener exactly one 'finished' or 'failed',
 * whatever happens to the worker, and nothing after that or after `kill`.
 */
class TrainingWorker implements TrainingHandle {
  readonly #listener: Listener;
  readonly #early: TrainingCommand[] = [];
  #worker: Worker | undefined;
  #over = false;
  #step = 0;
  #stderr = '';
  #death: Error | undefined;

  constructor(options: TrainerOptions, request: TrainRequest, listener: Listener) {
    this.#listener = listener;
    void options.datasets
      .images(request.spec.data.dataset)
      .then((images) => {
        if (!this.#over) this.#start(options.entry, trainingJob(request, images, options.checkpointSeconds));
      })
      .catch((error: unknown) => this.#fail(error));
  }

  pause(): void {
    this.#post({ kind: 'pause' });
  }

  resume(): void {
    this.#post({ kind: 'resume' });
  }

  stop(): void {
    this.#post({ kind: 'stop' });
  }

  async kill(): Promise<void> {
    this.#over = true;
    await this.#worker?.terminate();
  }

  #start(entry: URL, job: TrainingJob): void {
    // stderr is kept for the error message of a worker that dies, and still shown: warnings of the engine belong there
    const worker = new Worker(entry, { name: `run ${job.seed}`, stderr: true, env: SHARE_ENV });
    this.#worker = worker;
    worker.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-keptStderr);
    });
    worker.on('message', (event: TrainingEvent) => this.#hear(event));
    worker.on('messageerror', (error) => {
      this.#fail(error);
      void worker.terminate();
    });
    worker.on('error', (error) => {
      this.#death = error instanceof Error ? error : new Error(String(error));
    });
    // one turn later, what the worker wrote last has arrived
    worker.on('exit', (code) => setImmediate(() => this.#failDead(code)));
    worker.postMessage({ kind: 'start', job } satisfies TrainingCommand);
    for (const command of this.#early.splice(0)) worker.postMessage(command);
  }

  #post(command: TrainingCommand): void {
    if (this.#over) return;
    if (this.#worker) this.#worker.postMessage(command);
    else this.#early.push(command);
  }

  #hear(event: TrainingEvent): void {
    if (this.#over) return;
    if ('step' in event) this.#step = event.step;
    const last = event.kind === 'finished' || event.kind === 'failed';
    if (last) this.#over = true;
    this.#listener(event);
    // a worker with nothing left to do ends by itself; one that does not must not keep the process alive
    if (last) void this.#worker?.terminate();
  }

  #failDead(exitCode: number): void {
    const reason = this.#death?.message ?? `it ended with exit code ${exitCode}`;
    const said = this.#stderr.trim();
    this.#fail(
      new Error(
        `The training worker died at step ${this.#step}: ${reason}.` +
          (said ? ` Its last words: ${said}` : '') +
          ' Resume the run to go on from its last checkpoint.',
      ),
    );
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    const { code, message, faults } = toErrorRecord(error);
    type FailureCode = Extract<TrainingEvent, { kind: 'failed' }>['error']['code'];
    this.#listener({
      kind: 'failed',
      step: this.#step,
      error: { code: code as FailureCode, message, faults },
    });
  }
}

/** Everything a training run needs, from the spec and the images. */
export function trainingJob(
  request: Pick<TrainRequest, 'spec' | 'threads' | 'resumeFrom' | 'backend'>,
  images: DatasetImages,
  checkpointSeconds = 30,
): TrainingJob {
  const { spec } = request;
  const { training } = spec;
  return {
    graph: effectiveGraph(spec.model),
    data: {
      train: images.train,
      test: images.test,
      imageShape: images.record.imageShape,
      classes: images.record.classes.length,
      validation: spec.data.validation,
      trainImages: spec.data.trainImages,
      preprocessing: spec.data.preprocessing,
      ...(spec.data.preprocessing.endsWith('Whitening') && { whiteningEps: spec.data.whiteningEps }),
      augmentation: spec.data.augmentation,
    },
    batchSize: training.batchSize,
    length: training.length,
    stages: stageSettings(training),
    loss: training.loss,
    optimizer: training.optimizer,
    gradient: { clip: training.clip, l1: training.l1 },
    accumulate: training.accumulate,
    recalibrateBatchNorm: training.recalibrateBatchNorm,
    schedule: training.schedule,
    earlyStopping: training.earlyStopping,
    evaluateEvery: training.evaluateEvery,
    // a run that was recorded before there were any has none
    diagnostics: training.diagnostics ?? null,
    seed: spec.seed,
    backend: request.backend ?? spec.backend.kind,
    fallback: spec.backend.fallback,
    precision: spec.backend.precision,
    threads: request.threads,
    checkpointSeconds,
    resumeFrom: request.resumeFrom,
  };
}
