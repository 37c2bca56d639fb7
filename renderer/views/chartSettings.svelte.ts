import type { ChartGroup } from '../charts/group.svelte.ts';
import type { XAxis } from '../state/curves.svelte.ts';
import { recall, recallNumber, remember } from '../state/memory.ts';
import { axes } from './axes.ts';

/** How the charts of a view are drawn. Owned by the view, seeded from and kept in the browser under the view's name. */
export class ChartSettings {
  readonly #view: string;
  readonly #group: ChartGroup;
  #axis = $state<XAxis>('step');
  #smoothing = $state(0);
  #log = $state(false);

  constructor(view: string, group: ChartGroup, smoothing: number) {
    this.#view = view;
    this.#group = group;
    const axis = recall(`${view}.axis`);
    if (typeof axis === 'string' && axis in axes) this.#axis = axis as XAxis;
    this.#smoothing = recallNumber(`${view}.smoothing`, smoothing, 0, 0.999);
    this.#log = recall(`${view}.log`) === true;
  }

  get axis(): XAxis {
    return this.#axis;
  }
  /** A zoomed part of one axis means nothing on another, so the charts show everything again. */
  set axis(axis: XAxis) {
    this.#axis = axis;
    this.#group.reset();
    remember(`${this.#view}.axis`, axis);
  }

  get smoothing(): number {
    return this.#smoothing;
  }
  set smoothing(smoothing: number) {
    this.#smoothing = smoothing;
    remember(`${this.#view}.smoothing`, smoothing);
  }

  get log(): boolean {
    return this.#log;
  }
  set log(log: boolean) {
    this.#log = log;
    remember(`${this.#view}.log`, log);
  }
}
