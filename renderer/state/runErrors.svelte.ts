/**
 * What the network of one run gets wrong on the test images.
 * Owner: the lab, which computes it anew for each question; kept while the run's view is open and lost when it closes.
 */
import type { ClassificationRecord } from '../../lab/contract/analysisRecords.ts';
import { LabError } from '../../lab/contract/errors.ts';
import type { Link } from '../link/link.ts';

/** The most that the lab tells of, so that single confusions can be looked into. */
const wrongImages = 500;

export class RunErrors {
  result = $state.raw<ClassificationRecord | null>(null);
  error = $state<string | null>(null);
  /** From 0 to 1 while the lab is looking; null: it is not. */
  done = $state<number | null>(null);
  readonly #id: string;
  readonly #link: Link;
  readonly #off: () => void;
  #closed = false;

  constructor(id: string, link: Link) {
    this.#id = id;
    this.#link = link;
    this.#off = link.onEvent(({ name, data }) => {
      if (name === 'job.progress' && data.job === 'analysis' && this.done !== null) this.done = data.done;
    });
  }

  /** Looks at all test images with the weights of a checkpoint. */
  async look(checkpoint: 'last' | 'best'): Promise<void> {
    if (this.done !== null) return;
    this.done = 0;
    this.error = null;
    try {
      const request = { kind: 'classification', wrongImages } as const;
      const analysis = await this.#link.call('runs.analyse', { id: this.#id, checkpoint, request });
      if (analysis.kind === 'classification') this.result = analysis.result;
    } catch (error) {
      const cancelled = error instanceof LabError && error.code === 'interrupted';
      if (!cancelled) this.error = error instanceof Error ? error.message : String(error);
    } finally {
      this.done = null;
    }
  }

  async cancel(): Promise<void> {
    try {
      await this.#link.call('runs.cancelAnalysis', { id: this.#id });
    } catch (error) {
      if (!this.#closed) this.error = error instanceof Error ? error.message : String(error);
    }
  }

  close(): void {
    this.#closed = true;
    this.#off();
    if (this.done !== null) void this.cancel();
  }
}
