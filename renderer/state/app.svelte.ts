/**
 * Everything the views share, made once per window and handed down by context.
 * Owner of each part: see its own file. `info`, `datasets` and `templates` belong to the lab and are read on connecting.
 */
import { getContext, setContext } from 'svelte';
import type { MethodOutput } from '../../lab/contract/methods.ts';
import type { AppInfo, DatasetRecord, Template } from '../../lab/contract/records.ts';
import type { Spec } from '../../lab/contract/spec.ts';
import { RateState } from '../builder/rates/rates.svelte.ts';
import { LibraryState } from '../library/library.svelte.ts';
import { StartState } from '../start/start.svelte.ts';
import type { Link, LinkState } from '../link/link.ts';
import { BenchState } from './bench.svelte.ts';
import { ColorState } from './colors.svelte.ts';
import { DraftState } from './draft.svelte.ts';
import { NoticeState } from './notices.svelte.ts';
import { RouteState } from './route.svelte.ts';
import { RunsState } from './runs.svelte.ts';
import { ThemeState } from './theme.svelte.ts';

const key = Symbol('Ablate');

export class AppState {
  readonly link: Link;
  readonly notices = new NoticeState();
  readonly route = new RouteState();
  readonly theme = new ThemeState();
  readonly colors = new ColorState();
  readonly runs: RunsState;
  readonly draft: DraftState;
  readonly bench: BenchState;
  readonly library: LibraryState;
  readonly rates: RateState;
  readonly start: StartState;

  connection = $state<LinkState>('connecting');
  info = $state.raw<AppInfo | null>(null);
  /** The graphics adapter; null: there is none, undefined: not known yet. */
  adapter = $state.raw<MethodOutput<'machine.adapter'>['adapter'] | undefined>(undefined);
  datasets = $state.raw<readonly DatasetRecord[]>([]);
  templates = $state.raw<readonly Template[]>([]);
  paletteOpen = $state(false);
  /** The dialog that names the model on the bench. */
  savingArchitecture = $state(false);
  studyOpen = $state(false);
  /** The dialog about going on from a run. */
  continuing = $state.raw<{ readonly how: 'fork' | 'prepend'; readonly run: string } | null>(null);
  /** True while a call is under way that starts runs; its buttons wait. */
  starting = $state(false);

  constructor(link: Link) {
    this.link = link;
    this.runs = new RunsState(link, this.notices);
    this.draft = new DraftState(link);
    this.bench = new BenchState(this.draft, this.notices);
    this.library = new LibraryState(link, this.notices);
    this.rates = new RateState(link);
    this.start = new StartState(link);
    link.onState((state) => {
      this.connection = state;
      if (state === 'open') void this.#read();
    });
  }

  /** Ids that an action on runs is about: the open run, the arms' runs, or what is selected in the table. */
  get targets(): readonly string[] {
    const { view, ids } = this.route.current;
    if (view === 'run') return ids;
    if (view === 'runs') return [...this.runs.selected.keys()];
    return [];
  }

  /** Puts runs of `spec` into the queue, one per seed (and fold, if so many are said); null when the lab refused, which was said then. */
  async startRuns(
    spec: Spec,
    seeds: readonly number[],
    tags: readonly string[] = [],
    folds: number | null = null,
  ): Promise<readonly string[] | null> {
    try {
      const runs = await this.link.call('runs.create', {
        spec,
        seeds: [...seeds],
        tags: [...tags],
        ...(folds !== null && { folds }),
      });
      this.runs.take(runs);
      return runs.map((run) => run.id);
    } catch (error) {
      this.notices.complain(error);
      return null;
    }
  }

  async #read(): Promise<void> {
    try {
      const [info, datasets, templates] = await Promise.all([
        this.link.call('app.info', {}),
        this.link.call('datasets.list', {}),
        this.link.call('templates.list', {}),
      ]);
      this.info = info;
      this.datasets = datasets;
      this.templates = templates;
      this.draft.datasets = datasets;
      await this.draft.restore();
      // asking takes the lab a moment, and nothing waits for it
      this.adapter = (await this.link.call('machine.adapter', {})).adapter;
    } catch (error) {
      this.notices.complain(error);
    }
  }
}

export const provideApp = (app: AppState): AppState => setContext(key, app);

export function useApp(): AppState {
  const app = getContext<AppState | undefined>(key);
  if (!app) throw new Error('useApp was called outside of a component below App.svelte.');
  return app;
}
