import type { Backend, BackendName, SpawnHelper } from '../../backend.ts';
import type { ChoosingHost } from '../backendChoice.ts';

/** What a job may use of the place it runs in. */
export interface JobContext extends Pick<ChoosingHost, 'adapter'> {
  backend(name: BackendName): Promise<Backend>;
  /** Starts helper threads; left out where there are none. */
  readonly spawn?: SpawnHelper;
  /** Milliseconds of a steady clock. */
  clock(): number;
  /** Tells how far the job is: `done` from 0 to 1, and, where it helps, what is being done. */
  progress(done: number, what?: string): void;
  /** Lets waiting messages arrive. A long job calls it every few dozen milliseconds, or it cannot be cancelled gently. */
  turn(): Promise<void>;
  /** Whether nobody wants the result any more. The job ends as soon as it can, with whatever it likes. */
  readonly cancelled: boolean;
}

/**
 * Something that is computed about a training run, beside it: its data, its network and its settings, from initial weights or
 * (`resumeFrom`) those of a checkpoint. Pure: the same input gives the same result, timings aside.
 */
export type JobRunner<Input, Output> = (input: Input, context: JobContext) => Promise<Output>;
