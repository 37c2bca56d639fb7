import type { Handlers } from '../app.ts';
import type { TransferSource } from '../contract/transferRecords.ts';
import type { Datasets, Store } from '../ports.ts';
import { checkWithStart } from './check.ts';
import { prepend } from './prepend.ts';
import { previewOf } from './preview.ts';
import type { StartWeights } from './weights.ts';

export interface TransferHandlersOptions {
  readonly store: Store;
  readonly datasets: Datasets;
  readonly weights: StartWeights;
}

/** Looks at runs that begin with the weights of others, before there are any. */
export function transferHandlers(options: TransferHandlersOptions): Handlers {
  const { store, datasets } = options;
  return {
    'transfer.sources': ({ search, limit }) => [
      ...runSources(store, search, limit),
      ...architectureSources(store, search).slice(0, limit),
    ],
    'transfer.preview': async ({ spec }) => previewOf(await checkWithStart(spec, await datasets.list(), options)),
    'models.prepend': (input) => prepend(input, options),
  };
}

/** Checkpoints of runs, the best one of each before its last one. */
function runSources(store: Store, search: string | undefined, limit: number): TransferSource[] {
  const out: TransferSource[] = [];
  for (const run of store.listRuns({ search, limit }).runs) {
    for (const role of ['best', 'last'] as const) {
      const checkpoint = store.getCheckpoint(run.id, role);
      if (!checkpoint) continue;
      const { id, name: label, group, seed, status, dataset, parameters } = run;
      const { step, createdAt } = checkpoint;
      const own = { from: `run:${id}:${role}`, kind: 'run' as const, id, label, checkpoint: role, step };
      out.push({ ...own, group, seed, status, version: null, dataset, parameters, createdAt });
    }
  }
  return out.slice(0, limit);
}

function architectureSources(store: Store, search: string | undefined): TransferSource[] {
  return store.listArchitectures({ search }).flatMap(({ id }) => {
    const { name: label, versions } = store.getArchitecture(id)!;
    return versions.flatMap(({ version, weights, dataset, parameters, createdAt }): TransferSource[] => {
      if (!weights) return [];
      const own = { from: `architecture:${id}@${version}`, kind: 'architecture' as const, id, label, version };
      const run = { checkpoint: null, step: null, group: null, seed: null, status: null };
      return [{ ...own, ...run, dataset, parameters, createdAt }];
    });
  });
}
