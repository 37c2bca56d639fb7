/**
 * The experiment on the bench: the spec that is being edited, its way back, and what is wrong with it.
 * Owner: this page, which keeps it in the browser's storage, every step with it (benchStore.ts). Seeded from a template, a file
 * or a run; another one that is opened is a step that can be taken back.
 */
import type { Spec } from '../../lab/contract/spec.ts';
import type { DatasetRecord } from '../../lab/contract/records.ts';
import type { LabFault } from '../../lab/contract/errors.ts';
import { inspectModel, keepNodes, withLabFaults, type Inspection } from '../builder/model.ts';
import type { Link } from '../link/link.ts';
import { BenchStore, markOf } from './benchStore.ts';
import { History, type Moment } from './history.ts';
import { recall, recallHere, remember, rememberHere } from './memory.ts';

/** Wait after the last edit before the lab is asked. */
const settle = 250;
/** Larger networks are written to storage a little after the edit; smaller ones within it. */
const large = 1000;
const storeDelay = 300;

export type SpecEdit = (spec: Spec) => void;

export class DraftState {
  spec = $state.raw<Spec | null>(null);
  /** Ids of the nodes that are selected, in the order of choosing; the last one is where the keyboard stands. */
  selection = $state.raw<readonly string[]>([]);
  /** As typed; read by parseSeeds. */
  seeds = $state('1');
  /** Whether a cross-validation on the bench is run fold by fold, or the one fold that the spec names. */
  allFolds = $state(true);
  /** What the lab says about the whole spec, beyond what the graph check sees here. */
  labFaults = $state.raw<readonly LabFault[]>([]);
  datasets = $state.raw<readonly DatasetRecord[]>([]);

  readonly dataset = $derived(this.datasets.find((each) => each.id === this.spec?.data.dataset) ?? null);
  readonly inspection = $derived.by<Inspection | null>(() => {
    const next = this.spec && this.dataset ? inspectModel(this.spec, this.dataset) : null;
    return (this.#inspected = keepNodes(this.#inspected, next && withLabFaults(next, this.labFaults)));
  });
  readonly parsedSeeds = $derived(parseSeeds(this.seeds));

  /** The inspection before this one, whose nodes are taken over where they say the same. */
  #inspected: Inspection | null = null;
  /** Changes with the history, which itself is no state. */
  #turn = $state(0);
  readonly #history = new History<Spec | null>();
  readonly #store = new BenchStore();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #storing: ReturnType<typeof setTimeout> | undefined;
  #unstored = false;
  #saved: Promise<void> = Promise.resolve();
  #asked = 0;
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
    const seeds = recall('draft.seeds');
    if (typeof seeds === 'string') this.seeds = seeds;
    this.allFolds = recall('draft.allFolds') !== false;
    addEventListener('pagehide', () => this.flush());
  }

  /** The node in the inspector: the one that is selected, if it is the only one. */
  get selected(): string | null {
    return this.selection.length === 1 ? this.selection[0]! : null;
  }

  set selected(id: string | null) {
    this.select(id === null ? [] : [id]);
  }

  select(ids: readonly string[]): void {
    this.selection = ids;
  }

  get canUndo(): boolean {
    return this.undoLabel !== null;
  }

  get canRedo(): boolean {
    return this.redoLabel !== null;
  }

  /** What undo would take back; null: nothing. */
  get undoLabel(): string | null {
    return this.#step(-1);
  }

  get redoLabel(): string | null {
    return this.#step(0);
  }

  /** The label of a step beside the present one. The history itself is plain data: its count of turns is what makes this follow. */
  #step(offset: -1 | 0): string | null {
    const { steps, cursor } = this.#history;
    return this.#turn < 0 ? null : (steps[cursor + offset]?.label ?? null);
  }

  /** Why it cannot be run; null when it can. */
  get reason(): string | null {
    return this.spec ? (this.parsedSeeds.fault ?? this.fault) : 'Choose a template first';
  }

  /** What is wrong with the spec itself; null: nothing. */
  get fault(): string | null {
    return this.inspection?.faults[0]?.message ?? this.labFaults[0]?.message ?? null;
  }

  /** Puts another experiment on the bench; the one before is a step back. */
  open(spec: Spec): void {
    this.#change(structuredClone(spec), '', `Open ${spec.name || 'an experiment'}`, []);
  }

  /** Clears the bench, so that the templates are offered. */
  clear(): void {
    this.#change(null, '', 'Clear the bench', []);
  }

  /**
   * `key` names the field, so that typing in it is one step back; `label` says what is done ("Remove conv1"). `selection` is
   * what is selected afterwards; left out, what was and still is there.
   */
  edit(key: string, change: SpecEdit, label = 'Change a setting', selection?: readonly string[]): void {
    if (!this.spec) return;
    const next = structuredClone(this.spec);
    change(next);
    this.#change(next, key, label, selection);
  }

  undo(): void {
    this.#travel(this.#history.undo(this.spec));
  }

  redo(): void {
    this.#travel(this.#history.redo(this.spec));
  }

  /** Folds that are run of each seed; null: the one run that the spec says. */
  get foldRuns(): number | null {
    return this.allFolds ? (this.spec?.data.folds?.count ?? null) : null;
  }

  setAllFolds(all: boolean): void {
    this.allFolds = all;
    remember('draft.allFolds', all);
  }

  setSeeds(text: string): void {
    this.seeds = text;
    remember('draft.seeds', text);
  }

  /** Takes up what was on the bench when the page was left, with all its steps, if the lab still takes it. */
  async restore(): Promise<void> {
    const stored = recallHere('draft') ?? recall('draft') ?? null;
    if (this.spec) return;
    const [{ spec }, bench] = await Promise.all([
      stored === null ? { spec: null } : this.#link.call('spec.check', { spec: stored }),
      this.#store.load().catch(() => null),
    ]);
    if (this.spec || (stored !== null && !spec)) return;
    if (bench !== null && bench.mark === markOf(JSON.stringify(stored))) {
      this.#history.restore(bench.steps, bench.cursor);
      this.#turn++;
    }
    if (spec) this.#set(spec);
  }

  /** Writes the draft to the browser's storage at once. */
  flush(): void {
    if (!this.#unstored) return;
    this.#unstored = false;
    clearTimeout(this.#storing);
    remember('draft', this.spec);
    rememberHere('draft', this.spec);
    const mark = markOf(JSON.stringify(this.spec));
    this.#saved = this.#store.save(this.#history.steps, this.#history.cursor, mark);
  }

  /** Resolves when all steps so far are in storage. */
  async stored(): Promise<void> {
    this.flush();
    await this.#saved;
  }

  #change(next: Spec | null, key: string, label: string, selection?: readonly string[]): void {
    const after = selection ?? this.selection.filter((id) => next?.model.nodes.some((node) => node.id === id));
    if (this.spec === null && this.#history.steps.length === 0) {
      // the first one has nothing before it to go back to
      this.#set(next);
    } else {
      const now = Date.now();
      const [from, to] = [
        { value: this.spec, selection: this.selection },
        { value: next, selection: after },
      ];
      const shared = this.#history.note(from, to, { key, label, now });
      if (shared === null && next !== null) return;
      this.#turn++;
      this.#set(shared);
    }
    this.selection = after;
  }

  #travel(moment: Moment<Spec | null> | null): void {
    if (moment === null) return;
    this.#turn++;
    this.#set(moment.value);
    this.selection = moment.selection.filter((id) => moment.value?.model.nodes.some((node) => node.id === id));
  }

  #set(spec: Spec | null): void {
    this.spec = spec;
    this.#unstored = true;
    clearTimeout(this.#storing);
    if (spec !== null && spec.model.nodes.length > large) this.#storing = setTimeout(() => this.flush(), storeDelay);
    else this.flush();
    clearTimeout(this.#timer);
    if (spec !== null) this.#timer = setTimeout(() => void this.#ask(spec), settle);
  }

  async #ask(spec: Spec): Promise<void> {
    const asked = ++this.#asked;
    try {
      const { faults } = await this.#link.call('spec.check', { spec });
      if (asked === this.#asked) this.labFaults = faults;
    } catch {
      // without an answer the checks made here stand; starting the run asks again
      if (asked === this.#asked) this.labFaults = [];
    }
  }
}

/** "1, 2, 5-8" -> 1 2 5 6 7 8. */
export function parseSeeds(text: string): { seeds: number[]; fault: string | null } {
  const seeds: number[] = [];
  for (const part of text.split(/[,;\s]+/).filter(Boolean)) {
    const match = /^(\d+)(?:(?:-|\.\.)(\d+))?$/.exec(part);
    if (!match) return { seeds: [], fault: `Seeds are whole numbers such as 1, 2, 3 or 1-5; "${part}" is none.` };
    const from = Number(match[1]);
    const to = Number(match[2] ?? match[1]);
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to))
      return { seeds: [], fault: `Seed ${part} is too large.` };
    if (to < from) return { seeds: [], fault: `Seeds ${part} run backwards; write ${to}-${from}.` };
    if (to - from + seeds.length >= 1000) return { seeds: [], fault: 'At most 1,000 seeds at once.' };
    for (let seed = from; seed <= to; seed++) if (!seeds.includes(seed)) seeds.push(seed);
  }
  return seeds.length > 0 ? { seeds, fault: null } : { seeds, fault: 'At least one seed is needed, such as 1.' };
}
