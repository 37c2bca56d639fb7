import type { Handlers } from '../app.ts';
import type { LabEvent } from '../contract/client.ts';
import { LabError } from '../contract/errors.ts';
import type { Datasets, Jobs } from '../ports.ts';
import { requireSpec } from '../spec/check.ts';

export interface RateHandlersOptions {
  readonly datasets: Datasets;
  readonly jobs: Jobs;
  /** Threads of a run whose spec does not say. */
  readonly threads: () => number;
  readonly emit: (event: LabEvent) => void;
}

/** Looks for a learning rate. */
export function rateHandlers({ datasets, jobs, threads, emit }: RateHandlersOptions): Handlers {
  return {
    'models.lrRange': async ({ spec: json, ...options }) => {
      const { spec } = requireSpec(json, await datasets.list());
      if (options.highest <= options.lowest) {
        throw new LabError(
          'invalid',
          `models.lrRange: the highest rate (${options.highest}) must lie above the lowest (${options.lowest}).`,
        );
      }
      const own = spec.backend.threads > 0 ? spec.backend.threads : threads();
      const progress = (done: number): void => emit({ name: 'job.progress', data: { job: 'lrRange', done } });
      const found = await jobs.run('lrRange', { spec, threads: own, checkpoint: null }, options, { progress });
      return { ...found, points: [...found.points] };
    },
  };
}
