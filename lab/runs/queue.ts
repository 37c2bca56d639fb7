import type { LabSettings } from '../app.ts';
import type { LabEvent } from '../contract/client.ts';
import { LabError, toErrorRecord as plain } from '../contract/errors.ts';
import type { QueueRecord, RunDetails, RunRecord } from '../contract/records.ts';
import type { CheckpointFiles, Clock, Datasets, Machine, RunPatch, Store, Trainer } from '../ports.ts';
import type { StartWeights } from '../transfer/weights.ts';
import { chooseCheckpoint, readCheckpoint, rewind } from './resume.ts';
import { RunSession } from './session.ts';

export interface QueueOptions {
  readonly store: Store;
  readonly trainer: Trainer;
  readonly checkpoints: CheckpointFiles;
  readonly weights: StartWeights;
  readonly datasets: Datasets;
  readonly clock: Clock;
  readonly machine: Machine;
  readonly settings: LabSettings;
  readonly engineVersion: string;
  readonly emit: (event: LabEvent) => void;
}

const concurrencyKey = 'queue.concurrency';
const orderKey = 'queue.order';
/** Beyond so many threads one small network trains no faster, so large machines run several. */
const threadsWorthHaving = 4;

/** Which run trains when. Its order and concurrency are stored; the rest follows from the runs' records. */
export class RunQueue {
  readonly #options: QueueOptions;
  readonly #sessions = new Map<string, RunSession>();
  /** Runs whose worker is about to be started: a checkpoint is being read. */
  readonly #starting = new Map<string, Promise<void>>();
  /** Waiting runs, next first. */
  #order: string[] = [];
  /** Queued by an earlier process; they wait until someone asks for them. */
  readonly #held = new Set<string>();
  /** Concurrency as it was set, now or in an earlier process. */
  #wanted: number | null;
  #open = false;
  #closed = false;
  #told = '';

  constructor(options: QueueOptions) {
    this.#options = options;
    const stored = options.store.getSetting(concurrencyKey);
    this.#wanted = typeof stored === 'number' && stored >= 1 ? stored : null;
  }

  record(): QueueRecord {
    const running = [...this.#sessions.values()].filter((session) => session.holdsSlot).map(({ id }) => id);
    return {
      running: [...new Set([...running, ...this.#starting.keys()])],
      queued: [...this.#order],
      concurrency: this.#concurrency(),
      threadsPerRun: this.#threadsPerRun(),
    };
  }

  setConcurrency(concurrency: number): QueueRecord {
    this.#options.store.setSetting(concurrencyKey, concurrency);
    this.#wanted = concurrency;
    this.#pump();
    return this.record();
  }

  /** See Lab.start. */
  async start(autoStart: boolean): Promise<void> {
    const { store, clock, checkpoints } = this.#options;
    // all of them, whatever a clock that was set back says
    store.purgeDeleted(Number.MAX_SAFE_INTEGER);
    await removeUnnamed(store, checkpoints);
    for (const run of store.listRuns({ status: ['running', 'paused'] }).runs) {
      if (run.status === 'paused' && run.startedAt === null) continue;
      const from = run.checkpointStep === null ? 'from the start' : `from step ${run.checkpointStep}`;
      this.#note(
        run,
        { status: 'interrupted', endedAt: clock.now() },
        'interrupted',
        `The process that trained it ended. It can be resumed ${from}.`,
      );
    }
    const waiting = store.listRuns({ status: ['queued'] }).runs.reverse();
    const ids = new Set(waiting.map(({ id }) => id));
    const stored = store.getSetting(orderKey);
    const known = Array.isArray(stored)
      ? stored.filter((id): id is string => typeof id === 'string' && ids.has(id))
      : [];
    // calls may have put runs into the queue before it was opened
    const before = this.#order;
    const old = [...known, ...ids].filter((id) => !before.includes(id));
    if (!autoStart) for (const id of old) this.#held.add(id);
    this.#order = [...new Set([...old, ...before])];
    this.#open = true;
    this.#pump();
  }

  /** Ends what runs, with checkpoints, as interrupted. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#starting.values());
    await Promise.all([...this.#sessions.values()].map((session) => session.stop('interrupted')));
  }

  /** Puts runs at the end of the queue; their status is 'queued' already. */
  add(ids: readonly string[]): void {
    this.#order.push(...ids);
    this.#pump();
  }

  async pause(run: RunRecord): Promise<void> {
    const session = await this.#sessionOf(run.id);
    if (session && !this.#waits(run.id)) {
      await session.pause();
      return;
    }
    if (this.#waits(run.id)) {
      this.#leave(run.id);
      this.#note(run, { status: 'paused' }, 'paused', 'Taken out of the queue.');
      this.#pump();
      return;
    }
    if (run.status !== 'paused') throw wrongState(run, 'paused', 'Only a running or queued run can be');
  }

  async stop(run: RunRecord): Promise<void> {
    this.#leave(run.id);
    const session = await this.#sessionOf(run.id);
    if (session) {
      await session.stop();
    } else if (run.status === 'queued' || run.status === 'paused') {
      this.#note(
        run,
        { status: 'stopped', reason: 'stopped', endedAt: this.#options.clock.now() },
        'stopped',
        'Stopped.',
      );
    } else if (run.status !== 'stopped') {
      throw wrongState(run, 'stopped', 'Only a running, paused or queued run can be');
    }
    this.#pump();
  }

  async resume(run: RunRecord, from: 'last' | 'best' | 'start'): Promise<void> {
    const { store, checkpoints } = this.#options;
    if (this.#waits(run.id)) {
      this.#held.delete(run.id);
      this.#pump();
      return;
    }
    const session = await this.#sessionOf(run.id);
    if (session) {
      if (!session.paused) return;
      if (from !== 'last')
        throw new LabError('state', `Run ${run.id} is only paused; stop it before it is resumed from elsewhere.`);
      if (session.holdsSlot || this.#hasRoom()) await session.resume();
      else this.#enqueue(run, 'Waits for its turn to go on.');
      return;
    }
    if (run.status === 'running') return;
    if (run.status === 'finished')
      throw wrongState(
        run,
        'resumed',
        'It has come to its end; queue a new run with another spec. Only an unfinished run can be',
      );
    if (from === 'last') await readCheckpoint(run, store, checkpoints);
    if (from === 'best') await readCheckpoint(run, store, checkpoints, 'best');
    const { step, patch, unused } = store.transaction(() => {
      const files = chooseCheckpoint(run, store, from);
      const rewound = rewind(run, store);
      store.updateRun(run.id, rewound.patch);
      return { ...rewound, unused: files };
    });
    for (const file of unused) await checkpoints.remove(file).catch(() => undefined);
    this.#options.emit({ name: 'run.series', data: { id: run.id, truncatedTo: step, series: [] } });
    this.#enqueue(
      run,
      step === 0 ? 'Queued again, from the start.' : `Queued again, from the checkpoint at step ${step}.`,
      patch,
    );
  }

  #enqueue(run: RunRecord, text: string, patch: RunPatch = {}): void {
    this.#note(run, { ...patch, status: 'queued' }, 'queued', text);
    this.#order.push(run.id);
    this.#pump();
  }

  #waits(id: string): boolean {
    return this.#order.includes(id);
  }

  #leave(id: string): void {
    this.#order = this.#order.filter((each) => each !== id);
    this.#held.delete(id);
  }

  async #sessionOf(id: string): Promise<RunSession | undefined> {
    await this.#starting.get(id);
    return this.#sessions.get(id);
  }

  #concurrency(): number {
    if (this.#wanted !== null) return this.#wanted;
    const { settings, machine } = this.#options;
    return settings.concurrency > 0
      ? settings.concurrency
      : Math.max(1, Math.floor(machine.cores / threadsWorthHaving));
  }

  #threadsPerRun(): number {
    return Math.max(1, Math.floor(this.#options.machine.cores / this.#concurrency()));
  }

  #hasRoom(): boolean {
    return this.record().running.length < this.#concurrency();
  }

  /** Starts what may start, and tells of the queue if it has changed. */
  #pump(): void {
    while (this.#open && !this.#closed && this.#hasRoom()) {
      const id = this.#order.find((each) => !this.#held.has(each));
      if (id === undefined) break;
      this.#leave(id);
      const paused = this.#sessions.get(id);
      if (paused) void this.#goOn(paused);
      else {
        const starting = this.#begin(id)
          .catch(() => {
            // not even the failure could be recorded (a full disk): it waits until someone asks for it
            this.#order.unshift(id);
            this.#held.add(id);
          })
          .finally(() => {
            this.#starting.delete(id);
            this.#pump();
          });
        this.#starting.set(id, starting);
      }
    }
    this.#tell();
  }

  async #goOn(session: RunSession): Promise<void> {
    try {
      await session.resume();
    } catch (error) {
      const run = this.#options.store.getRun(session.id);
      if (run)
        this.#note(run, { status: 'paused', error: plain(error) }, 'paused', `Still paused: ${plain(error).message}`);
    }
  }

  #tell(): void {
    const queue = this.record();
    const text = JSON.stringify(queue);
    if (text === this.#told) return;
    this.#told = text;
    try {
      if (this.#open) this.#options.store.setSetting(orderKey, queue.queued);
    } catch {
      // without it, runs start in the order in which they were made
    }
    this.#options.emit({ name: 'queue.changed', data: { queue } });
  }

  async #begin(id: string): Promise<void> {
    const { store, clock, checkpoints, engineVersion } = this.#options;
    const run = store.getRun(id);
    if (!run) return;
    try {
      const bytes = await readCheckpoint(run, store, checkpoints);
      const { data, start } = run.spec;
      // one that goes on from its own checkpoint needs them no more
      const weights = bytes === null && start?.weights ? await this.#options.weights.read(start.weights) : null;
      const dataset = (await this.#options.datasets.list()).find((each) => each.id === data.dataset);
      if (!dataset)
        throw new LabError('data', `There is no data set ${data.dataset} any more, on which run ${id} trains.`);
      if (run.dataHash !== null && run.dataHash !== dataset.hash) {
        throw new LabError(
          'data',
          `The data set ${dataset.id} is not the one that run ${id} began with: its hash has changed.`,
        );
      }
      if (this.#closed) {
        this.#order.unshift(id);
        return;
      }
      if (run.engineVersion !== engineVersion && bytes) {
        const text = `It began with engine ${run.engineVersion} and goes on with ${engineVersion}: the result may differ.`;
        store.appendEvent(id, { at: clock.now(), step: run.step, kind: 'engine', text });
      }
      const patch: RunPatch = {
        status: 'running',
        startedAt: run.startedAt ?? clock.now(),
        endedAt: null,
        dataHash: dataset.hash,
        engineVersion,
      };
      this.#options.emit({ name: 'run.changed', data: { run: store.updateRun(id, patch) } });
      const session = new RunSession(store.getRun(id) ?? run, {
        ...this.#options,
        changed: (each) => this.#changed(each),
      });
      this.#sessions.set(id, session);
      const wanted = run.spec.backend.threads;
      session.start(run, wanted > 0 ? wanted : this.#threadsPerRun(), bytes, weights);
    } catch (error) {
      const record = plain(error);
      this.#note(run, { status: 'failed', error: record, endedAt: clock.now() }, 'failed', record.message);
    }
  }

  #changed(session: RunSession): void {
    if (session.over) this.#sessions.delete(session.id);
    this.#pump();
  }

  /** A change that does not come from a worker: stored and told at once. */
  #note(run: RunRecord, patch: RunPatch, kind: string, text: string): void {
    const { store, clock, emit } = this.#options;
    const changed = store.transaction(() => {
      store.appendEvent(run.id, { at: clock.now(), step: patch.step ?? run.step, kind, text });
      return store.updateRun(run.id, patch);
    });
    emit({ name: 'run.changed', data: { run: changed } });
  }
}

function wrongState(run: Pick<RunDetails, 'id' | 'status'>, wish: string, rule: string): LabError {
  return new LabError('state', `Run ${run.id} is ${run.status}. ${rule} ${wish}.`);
}

/**
 * Removes files of weights that no record names: those of purged runs and architectures, and one that was written but not yet
 * recorded when its process died. What cannot be removed costs room, not truth.
 */
async function removeUnnamed(store: Store, checkpoints: CheckpointFiles): Promise<void> {
  const named = new Set(store.checkpointFiles());
  const files = await checkpoints.list().catch(() => []);
  for (const file of files) if (!named.has(file)) await checkpoints.remove(file).catch(() => undefined);
}
