/**
 * What the network on the bench makes of a few images, and what a step of it costs here.
 * Owner: the builder, while it is open. Asked of the lab after each edit that matters; the newest question wins.
 */
import type {
  ActivationPreviewRecord,
  NodeActivationRecord,
  StepTimingRecord,
} from '../../../lab/contract/previewRecords.ts';
import type { Spec } from '../../../lab/contract/spec.ts';
import type { Link } from '../../link/link.ts';

/** Wait after the last edit, in milliseconds. */
const settlePreview = 180;
const settleTiming = 1200;

/** What decides the values of an untrained network. */
const previewKey = ({ data, model, seed }: Spec): string =>
  JSON.stringify([
    data,
    model.nodes.map(({ position: _position, title: _title, ...node }) => node),
    model.batchNorm,
    model.dropout,
    seed,
  ]);

/** What decides how long a step takes. */
const timingKey = (spec: Spec): string => JSON.stringify([previewKey(spec), spec.training, spec.backend]);

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Asks one question at a time; of those that come in meanwhile only the last is asked next. */
class Newest<Question, Answer> {
  readonly #ask: (question: Question) => Promise<Answer>;
  readonly #hear: (answer: Answer | null, error: string | null) => void;
  #next: { question: Question } | null = null;
  #asking = false;

  constructor(
    ask: (question: Question) => Promise<Answer>,
    hear: (answer: Answer | null, error: string | null) => void,
  ) {
    this.#ask = ask;
    this.#hear = hear;
  }

  put(question: Question): void {
    this.#next = { question };
    if (!this.#asking) void this.#go();
  }

  async #go(): Promise<void> {
    this.#asking = true;
    while (this.#next) {
      const { question } = this.#next;
      this.#next = null;
      try {
        const answer = await this.#ask(question);
        if (this.#next === null) this.#hear(answer, null);
      } catch (error) {
        if (this.#next === null) this.#hear(null, words(error));
      }
    }
    this.#asking = false;
  }
}

export class PreviewState {
  result = $state.raw<ActivationPreviewRecord | null>(null);
  error = $state<string | null>(null);
  /** A newer answer is on its way. */
  waiting = $state(false);
  /** Which image is shown. */
  focus = $state(0);
  /** Whose weights: a run's id, or null for the initial ones. */
  run = $state<string | null>(null);
  readonly byId = $derived(
    new Map<string, NodeActivationRecord>(this.result?.nodes.map((node) => [node.id, node]) ?? []),
  );
  #key = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #questions: Newest<Parameters<PreviewState['look']>, ActivationPreviewRecord>;

  constructor(link: Link) {
    this.#questions = new Newest(
      ([spec]) =>
        link.call('models.preview', { spec, focus: this.focus, ...(this.run === null ? {} : { run: this.run }) }),
      (result, error) => {
        this.waiting = false;
        this.error = error;
        if (result) this.result = result;
      },
    );
  }

  /** Takes note of the spec; asks if something that matters has changed. */
  look(spec: Spec): void {
    const key = `${previewKey(spec)} ${this.focus} ${this.run ?? ''}`;
    if (key === this.#key) return;
    this.#key = key;
    this.waiting = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#questions.put([spec]), this.result ? settlePreview : 0);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#key = '';
    this.waiting = false;
  }
}

export class TimingState {
  result = $state.raw<StepTimingRecord | null>(null);
  error = $state<string | null>(null);
  measuring = $state(false);
  #key = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #known = new Map<string, StepTimingRecord>();
  readonly #questions: Newest<{ key: string; spec: Spec }, StepTimingRecord>;

  constructor(link: Link) {
    this.#questions = new Newest(
      async ({ key, spec }) => {
        const result = await link.call('models.timing', { spec });
        this.#known.set(key, result);
        return result;
      },
      (result, error) => {
        this.measuring = false;
        this.error = error;
        this.result = result;
      },
    );
  }

  /** Measures once edits have come to rest and the machine is free; a busy machine would be measured, not the network. */
  look(spec: Spec, busy: boolean): void {
    const key = timingKey(spec);
    if (key === this.#key) return;
    clearTimeout(this.#timer);
    const known = this.#known.get(key);
    if (known || busy) {
      this.#key = known ? key : '';
      this.measuring = false;
      this.result = known ?? null;
      return;
    }
    this.#key = key;
    this.result = null;
    this.error = null;
    this.measuring = true;
    this.#timer = setTimeout(() => this.#questions.put({ key, spec }), settleTiming);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#key = '';
    this.measuring = false;
  }
}
