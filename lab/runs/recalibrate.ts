import type { Handlers } from '../app.ts';
import { count } from '../compare/sideEffects.ts';
import type { LabEvent } from '../contract/client.ts';
import { LabError } from '../contract/errors.ts';
import type { CheckpointFiles, Clock, Jobs, Store } from '../ports.ts';
import { findRun } from './find.ts';
import { readCheckpoint } from './resume.ts';

export interface RecalibrationHandlersOptions {
  readonly store: Store;
  readonly checkpoints: CheckpointFiles;
  readonly jobs: Jobs;
  readonly clock: Clock;
  /** Threads of a run whose spec does not say. */
  readonly threads: () => number;
  readonly emit: (event: LabEvent) => void;
}

/**
 * Measures finished runs with running statistics that are taken anew. The run stays as it is; an event notes what was
 * found. One per run: a new one cancels it.
 */
export function recalibrationHandlers(options: RecalibrationHandlersOptions): Handlers {
  const { store, checkpoints, jobs, clock, threads, emit } = options;
  const running = new Map<string, AbortController>();
  return {
    'runs.recalibrate': async ({ id: text, batches }) => {
      const id = findRun(store, text);
      const run = store.getRun(id)!;
      if (run.status !== 'finished') {
        throw new LabError('state', `Run ${id} is ${run.status}; statistics are taken anew of a finished run.`);
      }
      const checkpoint = await readCheckpoint(run, store, checkpoints);
      if (!checkpoint)
        throw new LabError('state', `Run ${id} has no checkpoint any more, so there is nothing to measure.`);
      const { spec } = run;
      const own = spec.backend.threads > 0 ? spec.backend.threads : threads();
      const progress = (done: number): void =>
        emit({ name: 'job.progress', data: { job: 'recalibrate', done, run: id } });
      const cancel = new AbortController();
      running.get(id)?.abort();
      running.set(id, cancel);
      const job = { spec, threads: own, checkpoint };
      const watch = { signal: cancel.signal, progress };
      const found = await jobs.run('recalibrate', job, { batches }, watch).finally(() => {
        if (running.get(id) === cancel) running.delete(id);
      });
      if (found.layers.length === 0) {
        throw new LabError(
          'state',
          `Run ${id} has no batch norm with running statistics, so there is nothing to take anew.`,
        );
      }
      const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;
      const { before, after, images } = found;
      const said = `Statistics of batch norm taken anew over ${count(images)} images: test accuracy ${percent(before.test.accuracy)} before, ${percent(after.test.accuracy)} after (${count(after.test.images)} images). The run stays as it is.`;
      store.appendEvent(id, { at: clock.now(), step: run.step, kind: 'recalibrated', text: said });
      return { run: id, ...found, layers: [...found.layers] };
    },
    'runs.cancelRecalibration': ({ id: text }) => {
      const found = running.get(findRun(store, text));
      found?.abort();
      return { cancelled: found !== undefined };
    },
  };
}
