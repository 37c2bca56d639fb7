import type { Backend } from '../../../engine/backend.ts';
import { spawnHelper } from '../../../engine/host/spawn.node.ts';
import { TrainingRun } from '../../../engine/train/trainingRun.ts';
import type { TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';
import { only, tickingClock } from './jobs.ts';

/** A driver for tests in Node; what it drives lies in jobs.ts, which tests in a page use as well. */

export interface Outcome {
  readonly events: TrainingEvent[];
  readonly hash: string;
}

/**
 * Runs a job in this thread. `stopAt` stops it at the first chance once so many steps are done.
 * Without a clock of its own every slice is one step. `events` collects them also when the run fails.
 */
export async function train(
  job: TrainingJob,
  backend: Backend,
  options: {
    stopAt?: number;
    clock?: () => number;
    threads?: number;
    slice?: number;
    events?: TrainingEvent[];
    memoryLimit?: number;
  } = {},
): Promise<Outcome> {
  const events = options.events ?? [];
  const run = await TrainingRun.create(job, backend, {
    compile: {
      threads: options.threads ?? job.threads,
      ...(job.storage && { storage: job.storage }),
      spawn: spawnHelper,
      ...(options.memoryLimit === undefined ? {} : { memoryLimit: options.memoryLimit }),
    },
    clock: options.clock ?? tickingClock(),
    emit: (event) => events.push(event),
  });
  try {
    while (!run.finished) {
      if (options.stopAt !== undefined && run.step >= options.stopAt) await run.stop();
      else await run.advance(options.slice ?? 1);
    }
  } finally {
    await run.dispose();
  }
  return { events, hash: only(events, 'finished').resultHash };
}
