import type { Handlers } from '../app.ts';
import type { LabEvent } from '../contract/client.ts';
import { LabError } from '../contract/errors.ts';
import type { RunDetails, RunRecord } from '../contract/records.ts';
import type { Clock, Datasets, Store } from '../ports.ts';
import { requireSpec } from '../spec/check.ts';
import { newRun, type NewRun, type Replicate } from './create.ts';
import { findRun } from './find.ts';
import type { RunQueue } from './queue.ts';
import { thinSeries } from './thin.ts';
import type { RunVerifier } from './verify.ts';

/** Runs that one call may put into the queue. */
const mostReplicates = 1000;

export interface RunHandlersOptions {
  readonly store: Store;
  readonly datasets: Datasets;
  readonly clock: Clock;
  readonly engineVersion: string;
  readonly queue: RunQueue;
  readonly verifier: RunVerifier;
  readonly emit: (event: LabEvent) => void;
}

export function runHandlers(options: RunHandlersOptions): Handlers {
  const { store, datasets, clock, engineVersion, queue, verifier, emit } = options;

  const details = (text: string): RunDetails => {
    const id = findRun(store, text);
    const run = store.getRun(id);
    if (!run) throw new LabError('notFound', `There is no run ${id} in this history.`);
    return run;
  };
  const get = (text: string): RunRecord => {
    const { spec: _spec, events: _events, ...record } = details(text);
    return record;
  };

  return {
    'runs.create': async ({ spec: json, seeds, folds, tags = [] }) => {
      const check = requireSpec(folds === undefined ? json : withFolds(json, folds), await datasets.list());
      const made: NewRun[] = [];
      const taken = (id: string): boolean => made.some(({ run }) => run.id === id) || store.findRuns(id).length > 0;
      const replicates = (seeds ?? [check.spec.seed]).flatMap((seed): Replicate[] =>
        folds === undefined ? [{ seed, fold: null }] : Array.from({ length: folds }, (_, i) => ({ seed, fold: i + 1 })),
      );
      if (replicates.length > mostReplicates) {
        throw new LabError(
          'invalid',
          `runs.create: ${replicates.length} runs at once are too many (seeds times folds); make at most ${mostReplicates}.`,
        );
      }
      for (const replicate of replicates) {
        made.push(await newRun(check, replicate, { tags, now: clock.now(), engineVersion, taken }));
      }
      store.transaction(() => {
        for (const { run, spec } of made) {
          store.insertRun(run, spec);
          store.appendEvent(run.id, { at: run.createdAt, step: 0, kind: 'created', text: 'Put into the queue.' });
        }
      });
      for (const { run } of made) emit({ name: 'run.changed', data: { run } });
      queue.add(made.map(({ run }) => run.id));
      return made.map(({ run }) => run);
    },

    'runs.list': (filter) => store.listRuns(filter),

    'runs.get': ({ id }) => details(id),

    'runs.verify': ({ id, steps }) => verifier.verify(details(id), steps),

    'runs.series': ({ id, names, maxPoints }) =>
      store.readSeries(findRun(store, id), names).map((series) => thinSeries(series, maxPoints)),

    'runs.pause': async ({ id }) => {
      await queue.pause(get(id));
      return get(id);
    },

    'runs.resume': async ({ id, from }) => {
      await queue.resume(get(id), from);
      return get(id);
    },

    'runs.stop': async ({ id }) => {
      await queue.stop(get(id));
      return get(id);
    },

    'runs.update': ({ id: text, ...patch }) => {
      const tags = patch.tags && [...new Set(patch.tags.map((tag) => tag.trim()).filter(Boolean))];
      const run = store.updateRun(findRun(store, text), { ...patch, ...(tags ? { tags } : {}) });
      emit({ name: 'run.changed', data: { run } });
      return run;
    },

    'runs.delete': async ({ ids: texts }) => {
      const runs = [...new Set(texts.map((text) => findRun(store, text)))].map(get);
      // waiting ones first, or stopping one run would start the next that is to be deleted
      for (const status of ['queued', 'paused', 'running']) {
        for (const run of runs) if (run.status === status) await queue.stop(run);
      }
      const deleted = store.markDeleted(
        runs.map(({ id }) => id),
        clock.now(),
      );
      if (deleted.length > 0) emit({ name: 'run.deleted', data: { ids: deleted } });
      return { deleted };
    },

    'runs.restore': ({ ids }) => {
      const restored = store.markDeleted(ids, null);
      if (restored.length === 0) {
        const message = `runs.restore: ${ids.join(', ')}: no deleted run of this name; runs deleted before the lab was last started are gone.`;
        throw new LabError('notFound', message);
      }
      emit({ name: 'run.restored', data: { ids: restored } });
      return { restored };
    },

    'queue.get': () => queue.record(),
    'queue.set': ({ concurrency }) => queue.setConcurrency(concurrency),
  };
}

/** A document whose data is divided into so many folds. What is no spec stays as it is: the check says what is wrong with it. */
function withFolds(json: unknown, count: number): unknown {
  const data: unknown = typeof json === 'object' && json !== null ? (json as { data?: unknown }).data : undefined;
  if (typeof data !== 'object' || data === null) return json;
  return { ...(json as object), data: { ...data, folds: { count, fold: 1 } } };
}
