/** Which part of the network the pane shows, and how large. */
import { tick } from 'svelte';
import type { useSvelteFlow } from '@xyflow/svelte';
import { scaleIn } from '../../../engine/index.ts';
import { cardWidth } from '../flow.ts';
import { margin, marginAbove, type CanvasState } from './canvasState.svelte.ts';

/** Below this nothing can be read any more. */
const smallest = 0.62;
export const zoomLimits = { least: 0.1, most: 1.6 } as const;
/** About a card's. */
const cardTall = 70;

export class Viewport {
  /** True once the person has moved the view; then it is left where it is. */
  moved = false;
  readonly #canvas: CanvasState;
  readonly #flow: ReturnType<typeof useSvelteFlow>;
  #fitted = '';

  constructor(canvas: CanvasState, flow: ReturnType<typeof useSvelteFlow>) {
    this.#canvas = canvas;
    this.#flow = flow;
  }

  /** Fits the network in after cards have come or gone, or the pane has another size. */
  follow(): void {
    const { width, height, view } = this.#canvas;
    const form = `${width} ${height} ${view.cards.map((card) => card.id).join()}`;
    if (form === this.#fitted) return;
    const fresh = this.#fitted === '' || !this.moved;
    this.#fitted = form;
    if (fresh) this.fit(false);
  }

  /** The whole network; where that would not be readable, its beginning, unless all is asked for. */
  fit(all: boolean): void {
    const { layout, width, height } = this.#canvas;
    if (!layout) return;
    this.moved = false;
    const pane = { width: width - 2 * margin, height: height - margin - marginAbove };
    const corners = [...layout.nodes.values()];
    const left = Math.min(0, ...corners.map(({ x }) => x));
    const top = Math.min(0, ...corners.map(({ y }) => y));
    const size = { width: layout.width - left, height: layout.height - top };
    const zoom = Math.max(all ? zoomLimits.least : smallest, scaleIn(size, pane));
    const x = size.width * zoom <= pane.width ? (width - size.width * zoom) / 2 : margin;
    const free = pane.height - size.height * zoom;
    const y = marginAbove + Math.min(Math.max(0, free) / 2, 32);
    void this.#flow.setViewport({ x: x - left * zoom, y: y - top * zoom, zoom });
  }

  zoomBy(factor: number): void {
    this.moved = true;
    const { x, y, zoom } = this.#flow.getViewport();
    const next = Math.min(zoomLimits.most, Math.max(zoomLimits.least, zoom * factor));
    const [cx, cy] = [this.#canvas.width / 2, this.#canvas.height / 2];
    void this.#flow.setViewport({ x: cx - ((cx - x) * next) / zoom, y: cy - ((cy - y) * next) / zoom, zoom: next });
  }

  /** Brings a card into the pane if it is not there. */
  async show(layer: string): Promise<void> {
    await tick();
    const { layout, width, height } = this.#canvas;
    const place = layout?.nodes.get(this.#canvas.cardOf(layer));
    if (!place) return;
    const { x, y, zoom } = this.#flow.getViewport();
    const [left, top] = [place.x * zoom + x, place.y * zoom + y];
    if (left >= 0 && top >= 0 && left + cardWidth * zoom <= width && top + cardTall * zoom <= height) return;
    this.moved = true;
    await this.#flow.setCenter(place.x + cardWidth / 2, place.y + cardTall / 2, { zoom: Math.max(zoom, 0.5) });
  }

  async focus(layer: string): Promise<void> {
    await this.show(layer);
    await tick();
    const find = (): HTMLElement | null =>
      this.#canvas.root?.querySelector<HTMLElement>(
        `.svelte-flow__node[data-id="${CSS.escape(this.#canvas.cardOf(layer))}"]`,
      ) ?? null;
    // a card outside of the view may only be drawn after the view has moved
    if (!find()) await new Promise((resolve) => requestAnimationFrame(resolve));
    find()?.focus({ preventScroll: true });
  }
}
