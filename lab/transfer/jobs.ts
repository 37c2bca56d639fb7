import type { Jobs } from '../ports.ts';
import type { StartWeights } from './weights.ts';

/** Jobs that are given the stored weights which their spec starts from: so none of them can forget to. */
export function withStartWeights(jobs: Jobs, weights: StartWeights): Jobs {
  return {
    run: async (name, request, options, watch) => {
      const start = request?.spec.start;
      // at a checkpoint of the run itself it does not matter what it began with
      if (!request || !start || request.checkpoint !== null) return jobs.run(name, request, options, watch);
      const { bytes, start: filled } = await weights.resolve({ ...request.spec, start });
      const spec = { ...request.spec, start: filled };
      return jobs.run(name, { ...request, spec, start: bytes }, options, watch);
    },
    close: () => jobs.close(),
  };
}
