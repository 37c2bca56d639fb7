/**
 * What the charts of one view share: where the cross-hair stands, what is zoomed in on, what is pinned.
 * Owner: the view that shows the charts. Seeded empty; lost when the view closes or its x axis changes.
 */
export class ChartGroup {
  /** x under the pointer. */
  hover = $state<number | null>(null);
  /** x that was clicked; it stays until it is clicked again. */
  pin = $state<number | null>(null);
  /** The zoomed part of the x axis. */
  range = $state.raw<readonly [number, number] | null>(null);
  readonly cursor = $derived(this.hover ?? this.pin);

  reset(): void {
    this.hover = null;
    this.pin = null;
    this.range = null;
  }

  togglePin(x: number): void {
    this.pin = this.pin === null ? x : null;
  }

  /** Zooms by `factor` (below 1: closer) around `x`, never beyond `whole`. */
  zoom(factor: number, x: number, whole: readonly [number, number]): void {
    const [from, to] = this.range ?? whole;
    const low = Math.max(whole[0], x - (x - from) * factor);
    const high = Math.min(whole[1], x + (to - x) * factor);
    const full = high - low >= (whole[1] - whole[0]) * 0.999;
    if (full) this.range = null;
    else if (high - low > (whole[1] - whole[0]) * 1e-4) this.range = [low, high];
  }

  select(from: number, to: number): void {
    if (from !== to) this.range = from < to ? [from, to] : [to, from];
  }
}
