/**
 * What the experiment on the bench takes over from stored weights, and which stored weights there are.
 * Owner: the lab, asked anew after each edit that matters; the newest question wins. Empty for a spec without a start.
 */
import type { TransferPreview, TransferSource } from '../../lab/contract/transferRecords.ts';
import type { Spec } from '../../lab/contract/spec.ts';
import type { Link } from '../link/link.ts';
import { fateOf, type Fate } from './fate.ts';

/** Wait after the last edit, in milliseconds. */
const settle = 200;

/** What decides what is taken over. */
const keyOf = ({ start, data, model, training, seed }: Spec): string =>
  JSON.stringify([
    start,
    data,
    model.nodes.map(({ position: _position, title: _title, ...node }) => node),
    model.batchNorm,
    model.dropout,
    training.stages,
    training.batchSize,
    training.optimizer.kind,
    training.schedule.kind,
    seed,
  ]);

export class StartState {
  preview = $state.raw<TransferPreview | null>(null);
  error = $state<string | null>(null);
  waiting = $state(false);
  /** Of each layer what becomes of its weights; empty where there is nothing to start from. */
  readonly fates = $derived(
    new Map<string, Fate>(
      (this.preview?.report?.nodes ?? []).flatMap((node) => {
        const fate = fateOf(node);
        return fate === null ? [] : [[node.node, fate] as const];
      }),
    ),
  );
  readonly #link: Link;
  #key = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Takes note of the spec; asks if something that matters has changed. */
  look(spec: Spec | null): void {
    const key = spec?.start ? keyOf(spec) : '';
    if (key === this.#key) return;
    this.#key = key;
    clearTimeout(this.#timer);
    this.#asked++;
    if (!spec?.start) {
      this.preview = null;
      this.error = null;
      this.waiting = false;
      return;
    }
    this.waiting = true;
    this.#timer = setTimeout(() => void this.#ask(spec), this.preview ? settle : 0);
  }

  async #ask(spec: Spec): Promise<void> {
    const asked = this.#asked;
    try {
      const preview = await this.#link.call('transfer.preview', { spec });
      if (asked !== this.#asked) return;
      this.preview = preview;
      this.error = null;
    } catch (error) {
      if (asked !== this.#asked) return;
      this.error = error instanceof Error ? error.message : String(error);
    }
    this.waiting = false;
  }

  sources(search: string): Promise<TransferSource[]> {
    return this.#link.call('transfer.sources', { limit: 100, ...(search.trim() === '' ? {} : { search }) });
  }
}
