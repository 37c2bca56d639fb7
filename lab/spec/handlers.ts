import type { Handlers } from '../app.ts';
import type { Datasets, Store } from '../ports.ts';
import { checkWithStart } from '../transfer/check.ts';
import type { StartWeights } from '../transfer/weights.ts';

export interface SpecHandlersOptions {
  readonly store: Store;
  readonly datasets: Datasets;
  readonly weights: StartWeights;
}

export function specHandlers(options: SpecHandlersOptions): Handlers {
  return {
    'spec.check': async ({ spec: json }) => {
      const { ok, faults, spec } = await checkWithStart(json, await options.datasets.list(), options);
      return { ok, faults: [...faults], spec };
    },
  };
}
