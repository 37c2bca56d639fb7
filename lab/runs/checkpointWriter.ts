import type { TrainingEvent } from '../../engine/index.ts';
import { asLabError, type LabError } from '../contract/errors.ts';
import type { CheckpointFiles, CheckpointRecord, Clock, Store } from '../ports.ts';

export type CheckpointEvent = Extract<TrainingEvent, { kind: 'checkpoint' }>;

export interface CheckpointWriterOptions {
  readonly runId: string;
  readonly store: Store;
  readonly checkpoints: CheckpointFiles;
  readonly clock: Clock;
  /** Milliseconds between two files of role 'best'; the newest one waits. */
  readonly bestEvery: number;
  /** Stores the record, together with everything up to its step; answers the file that went out of use. */
  readonly record: (record: CheckpointRecord) => string | null;
  readonly failed: (error: LabError) => void;
}

/**
 * Writes the checkpoints of one run, one at a time, newest first of each role. A file is recorded only once it is whole on
 * the disk, and the one it replaces is removed only after that, so at every moment the record names a good file.
 */
export class CheckpointWriter {
  readonly #options: CheckpointWriterOptions;
  /** Not on the disk yet. */
  readonly #waiting = new Map<CheckpointEvent['role'], CheckpointEvent>();
  #work: Promise<void> | null = null;
  #stuck = false;
  #bestAt = -Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: CheckpointWriterOptions) {
    this.#options = options;
  }

  add(event: CheckpointEvent): void {
    this.#waiting.set(event.role, event);
    if (this.#stuck) return;
    const wait = this.#bestAt + this.#options.bestEvery - this.#options.clock.now();
    if (event.role === 'best' && wait > 0) {
      this.#timer ??= setTimeout(() => this.#begin(), wait);
      return;
    }
    this.#begin();
  }

  /** Resolves once nothing waits, or writing has failed. */
  async settle(): Promise<void> {
    if (!this.#stuck) this.#begin();
    while (this.#work) await this.#work;
  }

  /** Tries again after a failure. Resolves with the error if there is one again. */
  async retry(): Promise<LabError | null> {
    let error: LabError | null = null;
    this.#stuck = false;
    this.#begin((again) => (error = again));
    while (this.#work) await this.#work;
    return error;
  }

  /** Lets go of what waits: its run is over. */
  drop(): void {
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  #begin(failed = this.#options.failed): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.size === 0) return;
    this.#work ??= this.#writeAll(failed).finally(() => (this.#work = null));
  }

  async #writeAll(failed: (error: LabError) => void): Promise<void> {
    for (;;) {
      // the best one first: after a crash the run goes on from the last one and will not see that improvement again
      const event = this.#waiting.get('best') ?? this.#waiting.get('last');
      if (!event) return;
      try {
        await this.#write(event);
      } catch (error) {
        this.#stuck = true;
        failed(asLabError(error));
        return;
      }
      if (this.#waiting.get(event.role) === event) this.#waiting.delete(event.role);
    }
  }

  async #write(event: CheckpointEvent): Promise<void> {
    const { runId, store, checkpoints, clock, record } = this.#options;
    const { role, step, bytes, hash } = event;
    const present = store.getCheckpoint(runId, role);
    if (present && present.step === step && present.hash === hash) return;
    // a file that the record names is never written over: a crash in between would leave a hash that does not fit
    const again = present?.step === step ? `-${hash.slice(0, 8)}` : '';
    const file = `${runId}-${role}-${step}${again}.safetensors`;
    await checkpoints.write(file, bytes);
    const old = record({ runId, role, step, file, hash, bytes: bytes.byteLength, createdAt: clock.now() });
    if (role === 'best') this.#bestAt = clock.now();
    // a file that stays behind costs room, not truth
    if (old !== null) await checkpoints.remove(old).catch(() => undefined);
  }
}
