/**
 * The experiment on the bench: the spec that is being edited, its way back, and what is wrong with it.
 * Owner: this page, which keeps it in the browser's storage. Seeded from a template, a file or a run; lost when another
 * one is opened, with undo.
 */
import type { Spec } from '../../lab/contract/spec.ts';
import type { DatasetRecord } from '../../lab/contract/records.ts';
import type { LabFault } from '../../lab/contract/errors.ts';
import { inspectModel, type Inspection } from '../builder/model.ts';
import type { Link } from '../link/link.ts';
import { recall, remember } from './memory.ts';

/** Edits of one field within this time are one step back. */
const coalesce = 1200;
const depth = 500;
/** Wait after the last edit before the lab is asked. */
const settle = 250;

export type SpecEdit = (spec: Spec) => void;

export class DraftState {
  spec = $state.raw<Spec | null>(null);
  /** Id of the node in the inspector. */
  selected = $state<string | null>(null);
  /** As typed; read by parseSeeds. */
  seeds = $state('1');
  /** What the lab says about the whole spec, beyond what the graph check sees here. */
  labFaults = $state.raw<readonly LabFault[]>([]);
  datasets = $state.raw<readonly DatasetRecord[]>([]);

  readonly dataset = $derived(this.datasets.find((each) => each.id === this.spec?.data.dataset) ?? null);
  readonly inspection = $derived<Inspection | null>(
    this.spec && this.dataset ? inspectModel(this.spec, this.dataset) : null,
  );
  readonly parsedSeeds = $derived(parseSeeds(this.seeds));

  #past = $state.raw<readonly Spec[]>([]);
  #future = $state.raw<readonly Spec[]>([]);
  #last = { key: '', at: 0 };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
    const seeds = recall('draft.seeds');
    if (typeof seeds === 'string') this.seeds = seeds;
  }

  get canUndo(): boolean {
    return this.#past.length > 0;
  }

  get canRedo(): boolean {
    return this.#future.length > 0;
  }

  /** Why it cannot be run; null when it can. */
  get reason(): string | null {
    if (!this.spec) return 'Choose a template first';
    if (this.parsedSeeds.fault !== null) return this.parsedSeeds.fault;
    const fault = this.inspection?.faults[0]?.message ?? this.labFaults[0]?.message;
    return fault ?? null;
  }

  /** Puts another experiment on the bench; the one before is a step back. */
  open(spec: Spec): void {
    this.#push('');
    this.#set(structuredClone(spec));
    this.selected = null;
  }

  /** Clears the bench, so that the templates are offered. */
  clear(): void {
    this.#push('');
    this.spec = null;
    this.selected = null;
    remember('draft', null);
  }

  /** `key` names the field, so that typing in it is one step back. */
  edit(key: string, change: SpecEdit): void {
    if (!this.spec) return;
    const next = structuredClone(this.spec);
    change(next);
    if (JSON.stringify(next) === JSON.stringify(this.spec)) return;
    this.#push(key);
    this.#set(next);
  }

  undo(): void {
    const previous = this.#past.at(-1);
    if (!previous) return;
    if (this.spec) this.#future = [...this.#future, this.spec];
    this.#past = this.#past.slice(0, -1);
    this.#last.key = '';
    this.#set(previous);
  }

  redo(): void {
    const next = this.#future.at(-1);
    if (!next) return;
    if (this.spec) this.#past = [...this.#past, this.spec];
    this.#future = this.#future.slice(0, -1);
    this.#last.key = '';
    this.#set(next);
  }

  setSeeds(text: string): void {
    this.seeds = text;
    remember('draft.seeds', text);
  }

  /** Takes up what was on the bench when the page was left, if the lab still takes it. */
  async restore(): Promise<void> {
    const stored = recall('draft');
    if (stored === undefined || this.spec) return;
    const { spec } = await this.#link.call('spec.check', { spec: stored });
    if (spec && !this.spec) this.#set(spec);
  }

  #push(key: string): void {
    const now = Date.now();
    const same = key !== '' && key === this.#last.key && now - this.#last.at < coalesce;
    this.#last = { key, at: now };
    this.#future = [];
    if (this.spec && !same) this.#past = [...this.#past.slice(-depth), this.spec];
  }

  #set(spec: Spec): void {
    this.spec = spec;
    if (this.selected !== null && !spec.model.nodes.some((node) => node.id === this.selected)) this.selected = null;
    remember('draft', spec);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(spec), settle);
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
