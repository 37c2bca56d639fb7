import type { MachineAdapter } from '../adapter.ts';
import type { Handlers } from '../app.ts';
import type { LabEvent } from '../contract/client.ts';
import { LabError } from '../contract/errors.ts';
import type { RunDetails, RunRecord, RunStart } from '../contract/records.ts';
import type { Clock, Datasets, Store, StoredWeightsRecord } from '../ports.ts';
import { requireWithStart } from '../transfer/check.ts';
import type { Spec } from '../spec/schema.ts';
import { changeWords, forkSpec } from '../transfer/fork.ts';
import type { StartWeights } from '../transfer/weights.ts';
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
  readonly weights: StartWeights;
  readonly queue: RunQueue;
  readonly verifier: RunVerifier;
  readonly adapter: MachineAdapter;
  readonly emit: (event: LabEvent) => void;
}

export function runHandlers(options: RunHandlersOptions): Handlers {
  const { store, datasets, clock, engineVersion, weights, queue, verifier, adapter, emit } = options;

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

  /** One run per seed, with the weights that it starts from; none of them is in the store yet. */
  const make = async (
    json: unknown,
    { seeds, folds }: { readonly seeds?: readonly number[] | undefined; readonly folds?: number | undefined },
    tags: readonly string[],
  ): Promise<NewRun[]> => {
    const known = await datasets.list();
    const folded = folds === undefined ? json : withFolds(json, folds);
    const check = await requireWithStart(seeds ? withSeed(folded, seeds[0]!) : folded, known, options);
    await adapter.requireStorage(check.spec);
    const paired = check.spec.start?.from?.startsWith('group:') === true;
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
    for (const [i, replicate] of replicates.entries()) {
      // each seed starts from the run of its own seed
      const own = paired && i > 0 ? await requireWithStart(replicateOf(check.spec, replicate), known, options) : check;
      made.push(await newRun(own, replicate, { tags, now: clock.now(), engineVersion, taken }));
    }
    return made;
  };

  /** Puts runs into the store, the weights that they start from along, and into the queue. */
  const enqueue = async (made: readonly NewRun[], text: (run: RunRecord) => string): Promise<RunRecord[]> => {
    const files = new Map<string, StoredWeightsRecord>();
    for (const { start } of made) {
      const hash = start?.record.weights;
      if (start && hash !== undefined && !files.has(hash)) files.set(hash, await weights.write(start.bytes, hash));
    }
    store.transaction(() => {
      for (const file of files.values()) store.putStoredWeights(file);
      for (const { run, spec } of made) {
        store.insertRun(run, spec);
        store.appendEvent(run.id, { at: run.createdAt, step: run.step, kind: 'created', text: text(run) });
      }
    });
    for (const { run } of made) emit({ name: 'run.changed', data: { run } });
    queue.add(made.map(({ run }) => run.id));
    return made.map(({ run }) => run);
  };

  return {
    'runs.create': async ({ spec, seeds, folds, tags = [] }) =>
      enqueue(await make(spec, { seeds, folds }, tags), ({ start }) =>
        start === null ? 'Put into the queue.' : `Put into the queue. It ${startWords(start)}.`,
      ),

    'runs.fork': async ({ id, tags = [], ...wish }) => {
      const parent = details(id);
      const checkpoint = store.getCheckpoint(parent.id, wish.checkpoint);
      if (!checkpoint) {
        throw new LabError(
          'state',
          `Run ${parent.id} has no ${wish.checkpoint} checkpoint yet to go on from; let it train.`,
        );
      }
      const made = await make(forkSpec(parent, checkpoint.step, wish), {}, tags);
      const changes = changeWords(parent.spec, made[0]!.spec);
      const [fork] = await enqueue(made, ({ start }) => `Put into the queue. It ${startWords(start!)}: ${changes}.`);
      const at = clock.now();
      const text = `Run ${fork!.id} goes on from step ${fork!.step}: ${changes}.`;
      store.appendEvent(parent.id, { at, step: fork!.step, kind: 'forked', text });
      return fork!;
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
      const run = details(id);
      // a history may have come here from another machine
      if (run.status !== 'running' && run.status !== 'finished' && !leftGpu(run, from)) {
        await adapter.requireStorage(run.spec);
      }
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

/** Whether a run goes on from a checkpoint of another backend, on which it then stays, whatever its spec asks for. */
const leftGpu = ({ backendChoice, checkpointStep }: RunRecord, from: 'last' | 'best' | 'start'): boolean =>
  from !== 'start' && checkpointStep !== null && backendChoice !== null && backendChoice.backend !== 'webgpu';

/** A document whose data is divided into so many folds. What is no spec stays as it is: the check says what is wrong with it. */
function withFolds(json: unknown, count: number): unknown {
  const data: unknown = typeof json === 'object' && json !== null ? (json as { data?: unknown }).data : undefined;
  if (typeof data !== 'object' || data === null) return json;
  return { ...unpinned(json as object), data: { ...data, folds: { count, fold: 1 } } };
}

/** The document with another seed, whatever it is otherwise: which weights of a group it starts from depends on it. */
function withSeed(json: unknown, seed: number): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json;
  return (json as { seed?: unknown }).seed === seed ? json : { ...unpinned(json), seed };
}

/** Of a start from a group: which of its weights are meant is asked anew. */
function unpinned(json: object): object {
  const { start } = json as { start?: { from?: unknown } | null };
  const paired = typeof start?.from === 'string' && start.from.startsWith('group:');
  return paired ? { ...json, start: { ...start, weights: null } } : json;
}

/** The spec for another run of its group, whose weights are those of its own counterpart in the group that it starts from. */
function replicateOf(spec: Spec, { seed, fold }: Replicate): Spec {
  const { folds } = spec.data;
  const data = fold === null || folds === null ? spec.data : { ...spec.data, folds: { ...folds, fold } };
  return { ...spec, seed, data, start: { ...spec.start!, weights: null } };
}

const startWords = ({ carry, words, firstStep }: RunStart): string =>
  carry === 'everything' ? `goes on from the ${words}, behind step ${firstStep}` : `starts from the ${words}`;
