import type { JobInput, JobName, JobOutput, TrainingJob, WorkerEvent } from '../engine/index.ts';
import { fromErrorRecord, LabError, toErrorRecord } from '../lab/contract/errors.ts';
import type { JobOptions, JobRequest, Jobs, JobWatch } from '../lab/ports.ts';
import type { NodeDatasets } from './datasets.ts';
import { engineHosts, type EngineHostOptions, type EngineHosts } from './engineHosts.ts';
import type { EngineHost, EngineWorker } from './engineWorker.ts';
import { trainingJob } from './trainer.ts';

export interface JobsOptions extends EngineHostOptions {
  readonly datasets: Pick<NodeDatasets, 'images'>;
  /** Jobs at once; further ones wait. Default 2. */
  readonly workers?: number;
  /** Milliseconds after which a worker with nothing to do ends. Default one minute. */
  readonly idle?: number;
  /** Milliseconds that a cancelled job has to end by itself. Default 500. */
  readonly grace?: number;
}

/**
 * Runs jobs in workers, threads but for those about the GPU. A worker stays for the next job, so that a small one (a preview while
 * somebody edits) does not wait for a worker to start; idle workers end after a while and never keep the process alive.
 */
export function createJobs(options: JobsOptions): Jobs {
  return new WarmWorkers(options);
}

const defaults = { workers: 2, idle: 60_000, grace: 500 };

class WarmWorkers implements Jobs {
  readonly #options: JobsOptions & typeof defaults;
  readonly #hosts: EngineHosts;
  readonly #idle: JobWorker[] = [];
  readonly #busy = new Set<JobWorker>();
  readonly #waiting: (() => void)[] = [];
  #closed = false;

  constructor(options: JobsOptions) {
    this.#options = { ...defaults, ...options };
    this.#hosts = engineHosts(options);
  }

  async run<N extends JobName>(
    name: N,
    request: JobRequest | null,
    options: JobOptions<N>,
    watch: JobWatch = {},
  ): Promise<JobOutput<N>> {
    const training = request === null ? undefined : await this.#training(request);
    const worker = await this.#take(this.#hostOf(name, training), watch.signal);
    try {
      return (await worker.run(name, { training, ...options }, watch)) as JobOutput<N>;
    } finally {
      this.#giveBack(worker);
    }
  }

  async #training({ spec, threads, checkpoint, start = null }: JobRequest): Promise<TrainingJob> {
    const images = await this.#options.datasets.images(spec.data.dataset);
    // no job takes probes, and compiling them costs time and memory
    return { ...trainingJob({ spec, threads, resumeFrom: checkpoint, start }, images), diagnostics: null };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const go of [...this.#waiting]) go();
    await Promise.all([...this.#idle.splice(0), ...this.#busy].map((worker) => worker.end()));
  }

  /** Where a job is done: what asks for the graphics adapter or computes on it, where that is. */
  #hostOf(name: JobName, training: TrainingJob | undefined): EngineHost {
    const { gpu, threads } = this.#hosts;
    return gpu !== undefined && (name === 'adapter' || training?.backend === 'webgpu') ? gpu : threads;
  }

  async #take(host: EngineHost, signal: AbortSignal | undefined): Promise<JobWorker> {
    while (signal?.aborted !== true && !this.#closed && !this.#hasRoom()) await this.#turn(signal);
    if (this.#closed) throw new LabError('closed', 'The lab is closing and starts no more jobs.');
    if (signal?.aborted === true) {
      // the place that it may have been called for is the next one's
      this.#callNext();
      throw cancelled();
    }
    // one that died while it had nothing to do answers nobody; its timer takes it off the list
    const at = this.#idle.findLastIndex((each) => each.host === host && !each.dead);
    const worker = at < 0 ? new JobWorker(host, this.#options.grace) : this.#idle.splice(at, 1)[0]!;
    worker.keep();
    this.#busy.add(worker);
    return worker;
  }

  #giveBack(worker: JobWorker): void {
    this.#busy.delete(worker);
    if (!worker.dead && !this.#closed) {
      this.#idle.push(worker);
      worker.endAfter(this.#options.idle, () => {
        const at = this.#idle.indexOf(worker);
        if (at >= 0) this.#idle.splice(at, 1);
      });
    }
    this.#callNext();
  }

  #hasRoom(): boolean {
    return this.#busy.size < this.#options.workers;
  }

  /** Resolves when there may be a place, or nobody wants the job any more. */
  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        signal?.removeEventListener('abort', go);
        const at = this.#waiting.indexOf(go);
        if (at >= 0) this.#waiting.splice(at, 1);
        resolve();
      };
      this.#waiting.push(go);
      signal?.addEventListener('abort', go);
    });
  }

  #callNext(): void {
    if (this.#hasRoom()) this.#waiting[0]?.();
  }
}

const cancelled = (): LabError => new LabError('interrupted', 'The job was cancelled.');

/** One worker, with at most one job. */
class JobWorker {
  readonly host: EngineHost;
  readonly #worker: EngineWorker;
  readonly #grace: number;
  #timer: NodeJS.Timeout | undefined;
  #settle: { resolve: (output: unknown) => void; reject: (error: unknown) => void; watch: JobWatch } | undefined;
  dead = false;

  constructor(host: EngineHost, grace: number) {
    this.host = host;
    this.#grace = grace;
    this.#worker = host.start('jobs', {
      hear: (event) => this.#hear(event),
      died: (reason) => this.#die(reason),
    });
  }

  keep(): void {
    clearTimeout(this.#timer);
    this.#worker.hold(true);
  }

  endAfter(milliseconds: number, then: () => void): void {
    this.#worker.hold(false);
    this.#timer = setTimeout(() => {
      then();
      void this.end();
    }, milliseconds).unref();
  }

  run<N extends JobName>(name: N, input: JobInput<N>, watch: JobWatch): Promise<unknown> {
    const { signal } = watch;
    if (signal?.aborted === true) return Promise.reject(cancelled());
    const done = new Promise<unknown>((resolve, reject) => {
      this.#settle = { resolve, reject, watch };
    });
    // a job that does not look up in time takes its worker down with it
    let limit: NodeJS.Timeout | undefined;
    const cancel = (): void => {
      this.#worker.post({ kind: 'cancelJob' });
      limit = setTimeout(() => {
        this.#settle?.reject(cancelled());
        this.#settle = undefined;
        void this.end();
      }, this.#grace);
    };
    signal?.addEventListener('abort', cancel, { once: true });
    this.#worker.post({ kind: 'job', name, input });
    // a cancelled job ends as it likes, and for its caller always alike
    const unlessCancelled = <T>(then: () => T): T => {
      if (signal?.aborted === true) throw cancelled();
      return then();
    };
    return done
      .then(
        (output) => unlessCancelled(() => output),
        (error: unknown) =>
          unlessCancelled(() => {
            throw error;
          }),
      )
      .finally(() => {
        clearTimeout(limit);
        signal?.removeEventListener('abort', cancel);
      });
  }

  async end(): Promise<void> {
    this.dead = true;
    clearTimeout(this.#timer);
    this.#settle?.reject(cancelled());
    this.#settle = undefined;
    await this.#worker.end();
  }

  #hear(event: WorkerEvent): void {
    const settle = this.#settle;
    if (!settle) return;
    if (event.kind === 'jobProgress') {
      settle.watch.progress?.(event.done, event.what);
      return;
    }
    if (event.kind !== 'jobDone' && event.kind !== 'jobFailed') return;
    this.#settle = undefined;
    if (event.kind === 'jobDone') settle.resolve(event.output);
    else settle.reject(fromErrorRecord(toErrorRecord(event.error)));
  }

  #die(reason: string): void {
    this.dead = true;
    this.#settle?.reject(new LabError('threads', `The worker of a job died: ${reason}. Try again.`));
    this.#settle = undefined;
  }
}
