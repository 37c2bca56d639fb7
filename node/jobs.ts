import { SHARE_ENV, Worker } from 'node:worker_threads';
import type { JobCommand, JobEvent, JobInput, JobName, JobOutput, TrainingJob } from '../engine/index.ts';
import { fromErrorRecord, LabError, toErrorRecord } from '../lab/contract/errors.ts';
import type { JobOptions, JobRequest, Jobs, JobWatch } from '../lab/ports.ts';
import type { NodeDatasets } from './datasets.ts';
import { trainingJob } from './trainer.ts';

export interface JobsOptions {
  readonly datasets: Pick<NodeDatasets, 'images'>;
  /** The worker's program: engine/worker/entry.node.ts, or what a bundler made of it. */
  readonly entry: URL;
  /** Jobs at once; further ones wait. Default 2. */
  readonly workers?: number;
  /** Milliseconds after which a worker with nothing to do ends. Default one minute. */
  readonly idle?: number;
  /** Milliseconds that a cancelled job has to end by itself. Default 500. */
  readonly grace?: number;
}

/**
 * Runs jobs in worker threads. A worker stays for the next job, so that a small one (a preview while somebody edits) does not
 * wait for a thread to start; idle workers end after a while and never keep the process alive.
 */
export function createJobs(options: JobsOptions): Jobs {
  return new WarmWorkers(options);
}

class WarmWorkers implements Jobs {
  readonly #options: Required<JobsOptions>;
  readonly #idle: JobWorker[] = [];
  readonly #busy = new Set<JobWorker>();
  readonly #waiting: (() => void)[] = [];
  #closed = false;

  constructor(options: JobsOptions) {
    this.#options = { workers: 2, idle: 60_000, grace: 500, ...options };
  }

  async run<N extends JobName>(
    name: N,
    request: JobRequest | null,
    options: JobOptions<N>,
    watch: JobWatch = {},
  ): Promise<JobOutput<N>> {
    const training = request === null ? undefined : await this.#training(request);
    const worker = await this.#take(watch.signal);
    try {
      return (await worker.run(name, { training, ...options }, watch)) as JobOutput<N>;
    } finally {
      this.#giveBack(worker);
    }
  }

  async #training({ spec, threads, checkpoint }: JobRequest): Promise<TrainingJob> {
    const images = await this.#options.datasets.images(spec.data.dataset);
    // no job takes probes, and compiling them costs time and memory
    return { ...trainingJob({ spec, threads, resumeFrom: checkpoint }, images), diagnostics: null };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const start of this.#waiting.splice(0)) start();
    await Promise.all([...this.#idle.splice(0), ...this.#busy].map((worker) => worker.end()));
  }

  async #take(signal: AbortSignal | undefined): Promise<JobWorker> {
    while (!this.#closed && this.#busy.size >= this.#options.workers) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        signal?.addEventListener('abort', () => resolve(), { once: true });
      });
      if (signal?.aborted === true) throw cancelled();
    }
    if (this.#closed) throw new LabError('closed', 'The lab is closing and starts no more jobs.');
    const worker = this.#idle.pop() ?? new JobWorker(this.#options);
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
    this.#waiting.shift()?.();
  }
}

const cancelled = (): LabError => new LabError('interrupted', 'The job was cancelled.');

/** One thread, with at most one job. */
class JobWorker {
  readonly #worker: Worker;
  readonly #grace: number;
  #timer: NodeJS.Timeout | undefined;
  #settle: { resolve: (output: unknown) => void; reject: (error: unknown) => void; watch: JobWatch } | undefined;
  dead = false;

  constructor({ entry, grace }: Required<JobsOptions>) {
    this.#grace = grace;
    this.#worker = new Worker(entry, { name: 'jobs', env: SHARE_ENV });
    this.#worker.on('message', (event: JobEvent) => this.#hear(event));
    this.#worker.on('error', (error) => this.#die(error instanceof Error ? error.message : String(error)));
    this.#worker.on('exit', (code) => this.#die(`it ended with exit code ${code}`));
  }

  keep(): void {
    clearTimeout(this.#timer);
    this.#worker.ref();
  }

  endAfter(milliseconds: number, then: () => void): void {
    this.#worker.unref();
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
    // a job that does not look up in time takes its thread down with it
    let limit: NodeJS.Timeout | undefined;
    const cancel = (): void => {
      this.#send({ kind: 'cancelJob' });
      limit = setTimeout(() => {
        this.#settle?.reject(cancelled());
        this.#settle = undefined;
        void this.end();
      }, this.#grace);
    };
    signal?.addEventListener('abort', cancel, { once: true });
    this.#send({ kind: 'job', name, input });
    return done
      .then((output) => {
        if (signal?.aborted === true) throw cancelled();
        return output;
      })
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
    await this.#worker.terminate();
  }

  #send(command: JobCommand): void {
    this.#worker.postMessage(command);
  }

  #hear(event: JobEvent): void {
    const settle = this.#settle;
    if (!settle) return;
    if (event.kind === 'jobProgress') {
      settle.watch.progress?.(event.done, event.what);
      return;
    }
    this.#settle = undefined;
    if (event.kind === 'jobDone') settle.resolve(event.output);
    else settle.reject(fromErrorRecord(toErrorRecord(event.error)));
  }

  #die(reason: string): void {
    this.dead = true;
    this.#settle?.reject(new LabError('threads', `The thread of a job died: ${reason}. Try again.`));
    this.#settle = undefined;
  }
}
