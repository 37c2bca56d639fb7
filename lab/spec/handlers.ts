import type { Handlers } from '../app.ts';
import type { Datasets } from '../ports.ts';
import { checkSpec } from './check.ts';

export function specHandlers(datasets: Datasets): Handlers {
  return {
    'spec.check': async ({ spec: json }) => {
      const { ok, faults, spec } = checkSpec(json, await datasets.list());
      return { ok, faults: [...faults], spec };
    },
  };
}
