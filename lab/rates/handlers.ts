import type { Handlers } from '../app.ts';
import type { LabEvent } from '../contract/client.ts';
import { LabError } from '../contract/errors.ts';
import type { Datasets, Jobs, Store } from '../ports.ts';
import { Tickets } from '../tickets.ts';
import { requireWithStart } from '../transfer/check.ts';
import type { StartWeights } from '../transfer/weights.ts';

export interface RateHandlersOptions {
  readonly store: Store;
  readonly datasets: Datasets;
  readonly jobs: Jobs;
  readonly weights: StartWeights;
  /** Threads of a run whose spec does not say. */
  readonly threads: () => number;
  readonly emit: (event: LabEvent) => void;
}

/** Looks for a learning rate. */
export function rateHandlers(given: RateHandlersOptions): Handlers {
  const { datasets, jobs, threads, emit } = given;
  const running = new Tickets('models.lrRange', 'a test');
  return {
    'models.lrRange': async ({ spec: json, ticket, ...options }) => {
      const { spec } = await requireWithStart(json, await datasets.list(), given);
      if (options.highest <= options.lowest) {
        throw new LabError(
          'invalid',
          `models.lrRange: the highest rate (${options.highest}) must lie above the lowest (${options.lowest}).`,
        );
      }
      const own = spec.backend.threads > 0 ? spec.backend.threads : threads();
      const named = ticket === undefined ? {} : { ticket };
      const progress = (done: number): void => emit({ name: 'job.progress', data: { job: 'lrRange', done, ...named } });
      return running.run(ticket, async (signal) => {
        const job = { spec, threads: own, checkpoint: null };
        const found = await jobs.run('lrRange', job, options, { signal, progress });
        return { ...found, points: [...found.points] };
      });
    },
    'models.cancelLrRange': ({ ticket }) => ({ cancelled: running.cancel(ticket) }),
  };
}
