/**
 * What was seen inside the layers of one run.
 * Owner: the lab. Seeded by a call when the tab opens, read anew when the lab says that there is more (at most once in two seconds);
 * lost when the view closes. Which step and layer are looked at is the view's own.
 */
import type { Diagnostics, Histograms } from '../../lab/contract/diagnosticsRecords.ts';
import type { Link } from '../link/link.ts';
import type { NoticeState } from './notices.svelte.ts';

/** Probes asked for; more would be narrower than a pixel each. */
const mostSteps = 200;
const mostRidges = 40;
/** Milliseconds between two readings while a run trains. */
const pace = 2000;

export class RunDiagnostics {
  data = $state.raw<Diagnostics | null>(null);
  histograms = $state.raw<Histograms | null>(null);
  /** Place in `data.steps` that is looked at; null: the last one, also of a run that goes on. */
  chosen = $state<number | null>(null);
  layer = $state<string | null>(null);
  of = $state<'activation' | 'gradient'>('activation');
  readonly id: string;
  readonly #link: Link;
  readonly #notices: NoticeState;
  readonly #offs: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(id: string, link: Link, notices: NoticeState) {
    this.id = id;
    this.#link = link;
    this.#notices = notices;
    this.#offs.push(
      link.onEvent((event) => {
        if (event.name !== 'run.probe' || event.data.id !== id) return;
        this.#timer ??= setTimeout(() => {
          this.#timer = undefined;
          this.#read();
        }, pace);
      }),
      link.onState((state) => {
        if (state === 'open') this.#read();
      }),
    );
  }

  get place(): number {
    const last = Math.max(0, (this.data?.steps.length ?? 0) - 1);
    return Math.min(this.chosen ?? last, last);
  }

  /** Looks at another layer or at another of its histograms. */
  show(layer: string, of = this.of): void {
    this.layer = layer;
    this.of = of;
    this.histograms = null;
    this.#readHistograms();
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const off of this.#offs) off();
  }

  #read(): void {
    this.#link
      .call('diagnostics.get', { id: this.id, maxSteps: mostSteps })
      .then((data) => {
        this.data = data;
        this.layer ??= data.layers.find(({ measures }) => measures.p50)?.id ?? null;
        this.#readHistograms();
      })
      .catch((error: unknown) => this.#notices.complain(error));
  }

  #readHistograms(): void {
    const { layer, of } = this;
    if (layer === null) return;
    this.#link
      .call('diagnostics.histograms', { id: this.id, layer, of, maxSteps: mostRidges })
      .then((histograms) => {
        if (this.layer === layer && this.of === of) this.histograms = histograms;
      })
      .catch((error: unknown) => this.#notices.complain(error));
  }
}
