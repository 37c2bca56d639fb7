/**
 * The learning-rate range test of the experiment on the bench.
 * Owner: this page, which keeps the last result until it is closed or another test has ended; lost with the page. The lab trains.
 */
import type { LrRangeRecord } from '../../../lab/contract/lrRangeRecords.ts';
import { LabError } from '../../../lab/contract/errors.ts';
import type { Spec } from '../../../lab/contract/spec.ts';
import type { Link } from '../../link/link.ts';
import { sweepParts, type SweepParts } from './sweep.ts';

interface SweepRange {
  readonly lowest: number;
  readonly highest: number;
  readonly steps: number;
}

export interface SweepResult extends SweepRange {
  readonly record: LrRangeRecord;
  /** What it was found for. */
  readonly parts: SweepParts;
}

const usualRange: SweepRange = { lowest: 1e-5, highest: 10, steps: 200 };

export class RateState {
  /** Of the next test. */
  range = $state.raw<SweepRange>(usualRange);
  result = $state.raw<SweepResult | null>(null);
  error = $state<string | null>(null);
  /** From 0 to 1 while a test runs; null: none does. */
  done = $state<number | null>(null);
  /** Seconds to go, once there is a pace. */
  eta = $state<number | null>(null);
  /** The rate that was picked on the plot, instead of the suggested one. */
  picked = $state<number | null>(null);
  readonly #link: Link;
  #ticket: string | null = null;
  #began = 0;

  constructor(link: Link) {
    this.#link = link;
    link.onEvent(({ name, data }) => {
      if (name !== 'job.progress' || data.ticket === undefined || data.ticket !== this.#ticket) return;
      this.done = data.done;
      const seconds = (performance.now() - this.#began) / 1000;
      this.eta = data.done > 0.02 ? (seconds * (1 - data.done)) / data.done : null;
    });
  }

  async find(spec: Spec): Promise<void> {
    if (this.#ticket !== null) return;
    const { range } = this;
    const ticket = (this.#ticket = crypto.randomUUID());
    this.#began = performance.now();
    this.done = 0;
    this.eta = null;
    this.error = null;
    try {
      const record = await this.#link.call('models.lrRange', { spec, ...range, ticket });
      this.result = { record, parts: sweepParts(spec), ...range };
      this.picked = null;
    } catch (error) {
      const cancelled = error instanceof LabError && error.code === 'interrupted';
      if (!cancelled) this.error = error instanceof Error ? error.message : String(error);
    } finally {
      this.#ticket = null;
      this.done = null;
      this.eta = null;
    }
  }

  async cancel(): Promise<void> {
    if (this.#ticket === null) return;
    try {
      await this.#link.call('models.cancelLrRange', { ticket: this.#ticket });
    } catch (error) {
      this.error = error instanceof Error ? error.message : String(error);
    }
  }

  close(): void {
    this.result = null;
    this.error = null;
    this.picked = null;
  }
}
