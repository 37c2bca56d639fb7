/**
 * The history and the queue.
 * Owner: the lab. Seeded in pages when the connection opens, kept true by its events, and read anew after every lost
 * connection; lost with the page. Changes made here go to the lab, and what it answers is what is shown.
 */
import { SvelteMap } from 'svelte/reactivity';
import type { LabEvent } from '../../lab/contract/client.ts';
import type { EvaluationProgress } from '../../lab/contract/events.ts';
import type { QueueRecord, RunRecord } from '../../lab/contract/records.ts';
import { plural } from '../format.ts';
import type { Link } from '../link/link.ts';
import type { NoticeState } from './notices.svelte.ts';

/** The first page is small so that something stands there at once; the others come behind. */
const firstPage = 200;
const page = 2000;
/** Events of running runs are gathered for so long, so that the table is drawn at most ten times a second. */
const gather = 100;

export class RunsState {
  /** Newest first. */
  list = $state.raw<readonly RunRecord[]>([]);
  /** False until the first page is here. */
  loaded = $state(false);
  queue = $state.raw<QueueRecord>({ running: [], queued: [], concurrency: 1, threadsPerRun: 1 });
  readonly byId = $derived(new Map(this.list.map((run) => [run.id, run])));
  readonly active = $derived(this.list.filter((run) => run.status === 'running' || run.status === 'paused'));
  readonly queued = $derived(this.list.filter((run) => run.status === 'queued'));
  readonly tags = $derived([...new Set(this.list.flatMap((run) => run.tags))].sort((a, b) => a.localeCompare(b)));
  /** Evaluations under way that take their time, by run. */
  readonly evaluations = new SvelteMap<string, EvaluationProgress>();
  /** Ids marked in the table. */
  readonly selected = new SvelteMap<string, true>();

  readonly #link: Link;
  readonly #notices: NoticeState;
  readonly #pending = new Map<string, RunRecord | null>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reading = 0;

  constructor(link: Link, notices: NoticeState) {
    this.#link = link;
    this.#notices = notices;
    link.onEvent((event) => this.#hear(event));
    link.onState((state) => {
      if (state === 'open') void this.read();
    });
  }

  get(id: string): RunRecord | undefined {
    return this.byId.get(id);
  }

  ofGroup(group: string): RunRecord[] {
    return this.list.filter((run) => run.group === group);
  }

  async read(): Promise<void> {
    const reading = ++this.#reading;
    // the end of one may have been told while there was no connection
    this.evaluations.clear();
    try {
      this.queue = await this.#link.call('queue.get', {});
      let offset = 0;
      for (;;) {
        const { runs, total } = await this.#link.call('runs.list', { offset, limit: offset === 0 ? firstPage : page });
        if (reading !== this.#reading) return;
        // into what is shown: changes and deletions that were told between two pages stay
        this.list = offset === 0 ? runs : merge(this.list, runs);
        this.loaded = true;
        offset += runs.length;
        if (runs.length === 0 || offset >= total) return;
      }
    } catch (error) {
      if (reading === this.#reading) this.#notices.complain(error);
    }
  }

  pause = (id: string): Promise<void> => this.#change(this.#link.call('runs.pause', { id }));
  resume = (id: string): Promise<void> => this.#change(this.#link.call('runs.resume', { id }));
  stop = (id: string): Promise<void> => this.#change(this.#link.call('runs.stop', { id }));

  update(id: string, patch: { name?: string; note?: string; tags?: string[]; starred?: boolean }): Promise<void> {
    return this.#change(this.#link.call('runs.update', { id, ...patch }));
  }

  /** Adds and takes away tags of many runs. */
  async retag(ids: readonly string[], add: readonly string[], remove: readonly string[] = []): Promise<void> {
    for (const id of ids) {
      const run = this.get(id);
      if (!run) continue;
      const tags = [...new Set([...run.tags.filter((tag) => !remove.includes(tag)), ...add])];
      await this.update(id, { tags });
    }
  }

  /** Deletes at once; the notice that says so can bring them back. */
  async delete(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    try {
      const { deleted } = await this.#link.call('runs.delete', { ids: [...ids] });
      this.#drop(deleted);
      this.#notices.say(`${plural(deleted.length, 'run')} deleted.`, {
        label: 'Undo',
        perform: () => void this.restore(deleted),
      });
    } catch (error) {
      this.#notices.complain(error);
    }
  }

  async restore(ids: readonly string[]): Promise<void> {
    try {
      await this.#link.call('runs.restore', { ids: [...ids] });
      await this.read();
    } catch (error) {
      this.#notices.complain(error);
    }
  }

  /** Takes in records that a call has just answered with. */
  take(runs: readonly RunRecord[]): void {
    for (const run of runs) this.#pending.set(run.id, run);
    this.#flush();
  }

  async #change(answer: Promise<RunRecord>): Promise<void> {
    try {
      this.take([await answer]);
    } catch (error) {
      this.#notices.complain(error);
    }
  }

  #hear(event: LabEvent): void {
    switch (event.name) {
      case 'run.changed':
        this.#pending.set(event.data.run.id, event.data.run);
        this.#timer ??= setTimeout(() => this.#flush(), gather);
        break;
      case 'run.evaluating': {
        const { id, evaluation } = event.data;
        if (evaluation === null) this.evaluations.delete(id);
        else this.evaluations.set(id, evaluation);
        break;
      }
      case 'run.deleted':
        this.#drop(event.data.ids);
        break;
      case 'run.restored':
        void this.read();
        break;
      case 'queue.changed':
        this.queue = event.data.queue;
        break;
      case 'run.series':
      case 'run.verifying':
      case 'run.probe':
      case 'job.progress':
      case 'architectures.changed':
        break;
    }
  }

  #drop(ids: readonly string[]): void {
    for (const id of ids) {
      this.#pending.delete(id);
      this.selected.delete(id);
    }
    const gone = new Set(ids);
    this.list = this.list.filter((run) => !gone.has(run.id));
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.size === 0) return;
    const changed = [...this.#pending.values()].filter((run) => run !== null);
    this.#pending.clear();
    this.list = merge(this.list, changed);
  }
}

/** Known runs replaced in their place, new ones put where their time of creation belongs. */
export function merge(list: readonly RunRecord[], changed: readonly RunRecord[]): RunRecord[] {
  const fresh = new Map(changed.map((run) => [run.id, run]));
  const kept = list.map((run) => {
    const next = fresh.get(run.id);
    fresh.delete(run.id);
    return next ?? run;
  });
  if (fresh.size === 0) return kept;
  return [...kept, ...fresh.values()].sort((a, b) => b.createdAt - a.createdAt || a.seed - b.seed);
}
