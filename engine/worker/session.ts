import { TrainingRun } from '../train/trainingRun.ts';
import { chooseBackend, type BackendChoice, type ChoosingHost } from './backendChoice.ts';
import type { JobContext } from './jobs/job.ts';
import { plainError } from './plainError.ts';
import type { TrainingCommand, TrainingEvent, TrainingJob } from './protocol.ts';

/** The worker's end of the line to its host: a post/on pair. */
export interface TrainingPort {
  /** `transfer`: buffers that need not be copied, as the sender is done with them. */
  post(event: TrainingEvent, transfer: ArrayBuffer[]): void;
  on(listener: (command: TrainingCommand) => void): void;
  /** No more commands are wanted; the worker may end. */
  close(): void;
}

/** What a session needs from the place it runs in. `turn` resolves once the messages that are waiting have been delivered. */
export type TrainingHost = Pick<JobContext, 'backend' | 'clock' | 'turn' | 'spawn'> & {
  /** Bytes of memory that a plan may take here; left out where nobody knows. */
  readonly memoryLimit?: number;
};

/** For a job that comes without a choice: the backend that it names; 'auto', which compares places, is the CPU in one. */
const nowhereElse: ChoosingHost = {
  measure: () => Promise.reject(new Error('A session does not compare backends.')),
};

/** Milliseconds of work between two looks at the commands. */
const slice = 15;

/**
 * Serves one run over `port`: waits for 'start', ends with exactly one 'finished' or 'failed', and closes the port. Where it runs has
 * been chosen by whoever reaches both the CPU and the GPU (node/trainer.ts), who also goes on elsewhere when the GPU fails.
 */
export function serveTraining(port: TrainingPort, host: TrainingHost): void {
  const session = new TrainingSession(port, host);
  port.on((command) => session.receive(command));
}

type Wish = 'run' | 'pause' | 'stop';

class TrainingSession {
  readonly #port: TrainingPort;
  readonly #host: TrainingHost;
  #started = false;
  #wish: Wish = 'run';
  /** Set while paused: ends the wait. */
  #wake: (() => void) | undefined;
  #run: TrainingRun | undefined;

  constructor(port: TrainingPort, host: TrainingHost) {
    this.#port = port;
    this.#host = host;
  }

  /** A command that changes nothing (a second start, resume while running) is passed over, and nothing revokes 'stop'. */
  receive(command: TrainingCommand): void {
    if (command.kind === 'start') {
      if (this.#started) return;
      this.#started = true;
      void this.#serve(command.job);
    } else if (this.#wish !== 'stop') {
      this.#wish = command.kind === 'resume' ? 'run' : command.kind;
    }
    this.#wake?.();
  }

  async #serve(job: TrainingJob): Promise<void> {
    try {
      await this.#train(job);
    } catch (error) {
      this.#post({ kind: 'failed', step: this.#run?.step ?? 0, error: plainError(error) });
      // the error that ended the run has been told; one more from taking it down would say nothing
      await this.#run?.dispose().catch(() => undefined);
    } finally {
      this.#port.close();
    }
  }

  async #train(job: TrainingJob): Promise<void> {
    const choice = job.choice ?? (await chooseBackend(job, nowhereElse));
    this.#post({ kind: 'backend', choice });
    const run = await this.#create(choice, job);
    this.#run = run;
    while (!run.finished) {
      await this.#host.turn();
      if (this.#wish === 'pause') await this.#pause(run);
      if (this.#wish === 'stop') await run.stop();
      else await run.advance(slice);
    }
    await run.dispose();
  }

  async #create({ backend: name }: BackendChoice, job: TrainingJob): Promise<TrainingRun> {
    const backend = await this.#host.backend(name);
    const { spawn, memoryLimit } = this.#host;
    return TrainingRun.create(job, backend, {
      compile: {
        threads: job.threads,
        ...(job.precision && { precision: job.precision }),
        ...(job.storage && { storage: job.storage }),
        ...(spawn ? { spawn } : {}),
        ...(memoryLimit === undefined ? {} : { memoryLimit }),
      },
      clock: () => this.#host.clock(),
      emit: (event) => this.#post(event),
    });
  }

  async #pause(run: TrainingRun): Promise<void> {
    await run.checkpoint('last');
    await run.settle();
    this.#post({ kind: 'paused', step: run.step });
    while (this.#wish === 'pause') {
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
    if (this.#wish === 'run') this.#post({ kind: 'resumed', step: run.step });
  }

  #post(event: TrainingEvent): void {
    this.#port.post(event, event.kind === 'checkpoint' ? [event.bytes.buffer as ArrayBuffer] : []);
  }
}
