import type { JobInput, JobName, JobOutput } from '../engine/index.ts';
import { fromErrorRecord, LabError, toErrorRecord } from '../lab/contract/errors.ts';
import type { EngineHost, EngineWorker, WorkerListener } from './engineWorker.ts';

/**
 * A worker that is asked something before a run begins, one question after the other, and may be given the run then: what has found
 * its adapter need not be started, and find it, once more. Starts when it is first needed, and anew after its death.
 */
export class AskedWorker {
  readonly #host: EngineHost;
  readonly #name: string;
  #worker: EngineWorker | undefined;
  /** Who waits for an answer, or has been given the worker. */
  #listener: WorkerListener | undefined;
  #cancel: () => void = () => undefined;
  #over = false;

  constructor(host: EngineHost, name: string) {
    this.#host = host;
    this.#name = name;
  }

  /** Throws a LabError: what the job throws, 'threads' when the worker dies, 'interrupted' when it is ended. */
  async ask<N extends JobName>(name: N, input: JobInput<N>): Promise<JobOutput<N>> {
    const { promise, resolve, reject } = Promise.withResolvers<JobOutput<N>>();
    this.#cancel = () => reject(new LabError('interrupted', 'The job was cancelled.'));
    if (this.#over) this.#cancel();
    else {
      const listener: WorkerListener = {
        hear: (event) => {
          if (event.kind === 'jobDone') resolve(event.output);
          else if (event.kind === 'jobFailed') reject(fromErrorRecord(toErrorRecord(event.error)));
        },
        died: (reason) => reject(new LabError('threads', `The worker of a job died: ${reason}.`)),
      };
      this.give(listener).post({ kind: 'job', name, input });
    }
    return promise;
  }

  /** The worker, for a run, of which `listener` hears from now on. Nothing may be asked any more. */
  give(listener: WorkerListener): EngineWorker {
    this.#listener = listener;
    return (this.#worker ??= this.#host.start(this.#name, {
      hear: (event) => this.#listener?.hear(event),
      died: (reason) => {
        this.#worker = undefined;
        this.#listener?.died(reason);
      },
    }));
  }

  async end(): Promise<void> {
    this.#over = true;
    this.#cancel();
    await this.#worker?.end();
  }
}
