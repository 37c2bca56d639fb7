import {
  chooseBackend,
  measuredFor,
  onCpu,
  type BackendChoice,
  type ChoosingHost,
  type JobStart,
  type TrainingCommand,
  type TrainingEvent,
  type TrainingJob,
  type WorkerEvent,
} from '../engine/index.ts';
import { toErrorRecord } from '../lab/contract/errors.ts';
import type { Trainer, TrainingHandle, TrainRequest } from '../lab/ports.ts';
import { effectiveGraph } from '../lab/spec/resolve.ts';
import type { Spec } from '../lab/spec/schema.ts';
import { stageSettings } from '../lab/spec/stages.ts';
import { AskedWorker } from './askedWorker.ts';
import type { DatasetImages, NodeDatasets } from './datasets.ts';
import { engineHosts, type EngineHostOptions, type EngineHosts } from './engineHosts.ts';
import type { EngineWorker, WorkerListener } from './engineWorker.ts';

export interface TrainerOptions extends EngineHostOptions {
  readonly datasets: Pick<NodeDatasets, 'images'>;
  /** Seconds between checkpoints of a running run. */
  readonly checkpointSeconds: number;
}

type Listener = (event: TrainingEvent) => void;
type FailureCode = Extract<TrainingEvent, { kind: 'failed' }>['error']['code'];

/**
 * Trains each run in a worker of its own: a thread, where images lie in memory that all of them share, or one behind the host for the
 * GPU. Which of the two is decided here, since only this side reaches both; and a run whose GPU fails goes on in a thread.
 */
export function createTrainer(options: TrainerOptions): Trainer {
  const hosts = engineHosts(options);
  return { start: (request, listener) => new TrainingWorker({ ...options, ...hosts }, request, listener) };
}

/** What a run on the GPU goes on with in a thread. */
interface Retreat {
  readonly job: TrainingJob;
  readonly choice: BackendChoice;
}

/**
 * One run's worker. Owns the worker from `start` to its last event; tells the listener exactly one 'finished' or 'failed',
 * whatever happens to the worker, and nothing after that or after `kill`.
 */
class TrainingWorker implements TrainingHandle {
  readonly #options: TrainerOptions & EngineHosts;
  readonly #listener: Listener;
  /** The last command, for a worker that starts later; nothing revokes 'stop'. */
  #wish: Exclude<TrainingCommand, { kind: 'start' }> | undefined;
  #worker: EngineWorker | undefined;
  #over = false;
  /** What is asked where the run shall be trained. */
  #asked: readonly AskedWorker[] = [];
  #step = 0;
  readonly #mayRetreat: boolean;
  #retreat: Retreat | undefined;
  /** The newest checkpoint, as far as a retreat needs it. */
  #last: Uint8Array | null = null;

  constructor(options: TrainerOptions & EngineHosts, request: TrainRequest, listener: Listener) {
    this.#options = options;
    this.#listener = listener;
    this.#mayRetreat = request.spec.backend.fallback;
    void options.datasets
      .images(request.spec.data.dataset)
      .then((images) => this.#begin(trainingJob(request, images, options.checkpointSeconds)))
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
    await Promise.all([...this.#asked.map((each) => each.end()), this.#worker?.end()]);
  }

  async #begin(job: TrainingJob): Promise<void> {
    const { gpu, threads } = this.#options;
    if (gpu === undefined || job.backend === 'cpu' || job.backend === 'reference') {
      this.#startInThread(job);
      return;
    }
    const onCpu = new AskedWorker(threads, 'timing');
    const onGpu = new AskedWorker(gpu, `run ${job.seed}`);
    this.#asked = [onCpu, onGpu];
    let choice: BackendChoice | undefined;
    try {
      choice = await chooseBackend(job, acrossHosts(onCpu, onGpu));
    } finally {
      void onCpu.end();
      if (choice?.backend !== 'webgpu') void onGpu.end();
    }
    if (choice.backend !== 'webgpu') {
      this.#startInThread({ ...job, choice });
      return;
    }
    if (this.#mayRetreat) this.#retreat = { job, choice };
    this.#start((listener) => onGpu.give(listener), { ...job, choice });
  }

  #startInThread(job: TrainingJob): void {
    this.#start((listener) => this.#options.threads.start(`run ${job.seed}`, listener), job);
  }

  #start(workerFor: (listener: WorkerListener) => EngineWorker, job: TrainingJob): void {
    if (this.#over) return;
    const worker = workerFor({ hear: (event) => this.#hear(event), died: (reason) => this.#died(reason) });
    this.#worker = worker;
    worker.post({ kind: 'start', job });
    if (this.#wish !== undefined && this.#wish.kind !== 'resume') worker.post(this.#wish);
  }

  #post(command: Exclude<TrainingCommand, { kind: 'start' }>): void {
    if (this.#over) return;
    if (this.#wish?.kind !== 'stop') this.#wish = command;
    this.#worker?.post(command);
  }

  #hear(event: WorkerEvent): void {
    if (this.#over || event.kind === 'forms') return;
    // a worker that was told to train does no jobs
    if (event.kind === 'jobProgress' || event.kind === 'jobDone' || event.kind === 'jobFailed') return;
    if ('step' in event) this.#step = event.step;
    if (event.kind === 'checkpoint' && this.#retreat !== undefined) this.#last = event.bytes;
    if (event.kind === 'failed' && (event.error.code === 'device' || event.error.code === 'memory')) {
      if (this.#goOnWithoutGpu(event.error.message)) return;
    }
    const last = event.kind === 'finished' || event.kind === 'failed';
    if (last) this.#over = true;
    this.#listener(event);
    // a worker with nothing left to do ends by itself; one that does not must not keep the process alive
    if (last) void this.#worker?.end();
  }

  #died(reason: string): void {
    if (this.#goOnWithoutGpu(`What it ran in is gone: ${reason}.`)) return;
    this.#fail(new Error(`The training worker died at step ${this.#step}: ${reason}.`));
  }

  /** Whether the run was on the GPU and may go on in a thread, which it then does. */
  #goOnWithoutGpu(message: string): boolean {
    const retreat = this.#retreat;
    if (this.#over || retreat === undefined) return false;
    this.#retreat = undefined;
    void this.#worker?.end();
    const { job, choice } = onCpu(retreat.job, retreat.choice, { message }, this.#step, this.#last);
    this.#last = null;
    this.#startInThread({ ...job, choice });
    return true;
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    const { code, message, faults } = toErrorRecord(error);
    this.#listener({ kind: 'failed', step: this.#step, error: { code: code as FailureCode, message, faults } });
  }
}

/** The choice where the CPU is here and the GPU there: each is measured where the run would be trained. */
function acrossHosts(onCpu: AskedWorker, onGpu: AskedWorker): ChoosingHost {
  return {
    adapter: async (software = false) => (await onGpu.ask('adapter', { software })).adapter,
    measure: async (job, backend) => {
      const training = { ...job, backend, resumeFrom: null, diagnostics: null };
      const worker = backend === 'webgpu' ? onGpu : onCpu;
      return (await worker.ask('timing', { training, milliseconds: measuredFor })).millisecondsPerStep;
    },
  };
}

/** Everything a training run needs, from the spec and the images. */
export function trainingJob(
  request: Pick<TrainRequest, 'spec' | 'threads' | 'resumeFrom' | 'start' | 'backend' | 'forms'>,
  images: DatasetImages,
  checkpointSeconds = 30,
): TrainingJob {
  const { spec } = request;
  const { training } = spec;
  return {
    graph: effectiveGraph(spec.model),
    data: {
      hash: images.record.hash,
      train: images.train,
      test: images.test,
      imageShape: images.record.imageShape,
      classes: images.record.classes.length,
      validation: spec.data.validation,
      trainImages: spec.data.trainImages,
      split: spec.data.split,
      folds: spec.data.folds,
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
    precision: spec.backend.precision,
    storage: spec.backend.storage,
    ...(request.forms && { forms: request.forms }),
    threads: request.threads,
    checkpointSeconds,
    start: spec.start && jobStart(spec.start, request.start ?? null),
    resumeFrom: request.resumeFrom,
  };
}

/** A start as the engine takes it. The lab has found the weights by then, and with them their hash. */
function jobStart(
  { weights: hash, map, fresh, carry }: NonNullable<Spec['start']>,
  weights: Uint8Array | null,
): JobStart {
  return { hash: hash ?? '', weights, map, fresh, carry };
}
