/**
 * The curves of one run, growing while it trains.
 * Owner: the lab. Seeded by one call, kept up by events, read anew after a lost connection; lost when its view closes.
 * The numbers live outside of runes, in typed arrays; `version` says that they changed.
 */
import type { LabEvents } from '../../lab/contract/events.ts';
import type { Series, SeriesName, xAxes } from '../../lab/contract/records.ts';
import { epochsAfter, imagesAfter, type Pace } from '../../lab/contract/spec.ts';
import { interleave, type Points } from '../charts/points.ts';
import type { Link } from '../link/link.ts';
import type { NoticeState } from './notices.svelte.ts';

export type XAxis = (typeof xAxes)[number];

/** Points asked for when a run is opened; what comes by events is kept whole. */
const maxPoints = 4000;
/** Milliseconds between two drawings of a curve with `length` points: a long one changes little in a quarter of a second. */
const paceOf = (length: number): number => Math.min(1000, Math.max(250, length / 20));

/** Three parallel columns that grow without copying on each point. */
class Columns {
  #steps = new Float64Array(256);
  #values = new Float64Array(256);
  #seconds = new Float64Array(256);
  length = 0;

  append(steps: readonly number[], values: readonly (number | null)[], seconds: readonly number[]): void {
    this.#room(this.length + steps.length);
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]!;
      // what was read by the call and what came by event meanwhile may overlap
      if (this.length > 0 && step <= this.#steps[this.length - 1]!) continue;
      this.#steps[this.length] = step;
      this.#values[this.length] = values[i] ?? Number.NaN;
      this.#seconds[this.length] = seconds[i] ?? Number.NaN;
      this.length++;
    }
  }

  truncate(step: number): void {
    while (this.length > 0 && this.#steps[this.length - 1]! > step) this.length--;
  }

  points(x: XAxis, pace: Pace, until: number): Points {
    let { length } = this;
    while (length > 0 && this.#steps[length - 1]! > until) length--;
    const values = this.#values.subarray(0, length);
    if (x === 'seconds') return interleave(this.#seconds.subarray(0, length), values);
    const steps = this.#steps.subarray(0, length);
    if (x === 'step') return interleave(steps, values);
    const after = x === 'epoch' ? epochsAfter : imagesAfter;
    return interleave(
      steps.map((step) => after(pace, step)),
      values,
    );
  }

  #room(length: number): void {
    if (length <= this.#steps.length) return;
    const size = Math.max(length, this.#steps.length * 2);
    const grow = (old: Float64Array): Float64Array<ArrayBuffer> => {
      const next = new Float64Array(size);
      next.set(old);
      return next;
    };
    this.#steps = grow(this.#steps);
    this.#values = grow(this.#values);
    this.#seconds = grow(this.#seconds);
  }
}

export class RunCurves {
  version = $state(0);
  loaded = $state(false);
  readonly id: string;
  readonly #columns = new Map<SeriesName, Columns>();
  readonly #offs: (() => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Events that came while the call was under way. */
  #early: LabEvents['run.series'][] | null = [];

  constructor(id: string, link: Link, notices: NoticeState) {
    this.id = id;
    this.#offs.push(
      link.onEvent((event) => {
        if (event.name !== 'run.series' || event.data.id !== id) return;
        if (this.#early) this.#early.push(event.data);
        else this.#take(event.data);
      }),
      link.onState((state) => {
        if (state !== 'open') return;
        this.#early = [];
        link
          .call('runs.series', { id, maxPoints })
          .then((series) => this.#seed(series))
          .catch((error: unknown) => notices.complain(error));
      }),
    );
  }

  /** Points of a series over the chosen axis, up to and with step `until`; empty where there are none. */
  points(name: SeriesName, x: XAxis, pace: Pace, until = Number.POSITIVE_INFINITY): Points {
    return this.#columns.get(name)?.points(x, pace, until) ?? new Float64Array(0);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const off of this.#offs) off();
  }

  #seed(series: readonly Series[]): void {
    this.#columns.clear();
    for (const each of series) this.#column(each.name).append(each.steps, each.values, each.seconds);
    const early = this.#early ?? [];
    this.#early = null;
    for (const event of early) this.#take(event);
    this.loaded = true;
    this.version++;
  }

  #take(event: LabEvents['run.series']): void {
    if (event.truncatedTo !== undefined) {
      for (const column of this.#columns.values()) column.truncate(event.truncatedTo);
    }
    for (const each of event.series) this.#column(each.name).append(each.steps, each.values, each.seconds);
    const longest = Math.max(0, ...[...this.#columns.values()].map((column) => column.length));
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.version++;
    }, paceOf(longest));
  }

  #column(name: SeriesName): Columns {
    let column = this.#columns.get(name);
    if (!column) this.#columns.set(name, (column = new Columns()));
    return column;
  }
}
