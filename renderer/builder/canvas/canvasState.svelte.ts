/**
 * What is drawn on the canvas, where it stands, and which part of the network it is.
 * Owner: Flow.svelte, while the canvas is there. Drawn anew from the draft after each change; dragging moves cards in between.
 */
import { untrack } from 'svelte';
import { cardGaps, layoutGraph, type LayoutResult, type Point } from '../../../engine/index.ts';
import type { AppState } from '../../state/app.svelte.ts';
import { isSame } from '../../state/patch.ts';
import { cardHeight, cardWidth, faultHeight, type CanvasNode, type Repairing, type WireEdge } from '../flow.ts';
import { keepPlaces, type Placed } from '../places.ts';
import { withRoom } from '../room.ts';
import { viewOf, type CardView } from '../view.ts';
import { drawCards, drawWires, type DropTarget } from './drawn.ts';

/** Left free around the network, in pixels; more above it, where a line may speak of its faults. */
export const margin = 28;
export const marginAbove = 48;
/** A folded block's layer, where it has never stood anywhere. */
const layerHeight = 70;

const roomOf = (card: CardView): number =>
  card.kind === 'layer' ? faultHeight(card.node.faults[0]?.message, card.node.repairs.length) : 0;
const firstMember = (card: CardView): string => (card.kind === 'layer' ? card.id : (card.members[0]?.id ?? ''));

export class CanvasState {
  root = $state<HTMLElement>();
  width = $state(0);
  height = $state(0);
  cards = $state.raw<CanvasNode[]>([]);
  wires = $state.raw<WireEdge[]>([]);
  layout = $state.raw<LayoutResult | null>(null);
  over = $state.raw<DropTarget | null>(null);
  readonly app: AppState;
  readonly view = $derived.by(() => viewOf(this.app.draft.inspection?.nodes ?? [], this.app.bench.blocks));
  /** Where people have put layers by hand. */
  readonly #positions = $derived.by(
    () =>
      new Map(
        this.app.draft.spec?.model.nodes.flatMap((node) => (node.position ? [[node.id, node.position] as const] : [])),
      ),
  );
  #lastLayout: { input: readonly Placed[]; groups: string; pane: string; result: LayoutResult } | null = null;

  constructor(app: AppState) {
    this.app = app;
  }

  /** Brings cards and wires up to date. Called in an effect, which what is written here must not start again. */
  draw(): void {
    const { draft, bench } = this.app;
    const layout = this.#place();
    this.layout = layout;
    const drawn = { view: this.view, layout, chosen: new Set(draft.selection), over: this.over };
    const shapes = new Map(draft.inspection?.nodes.map((node) => [node.id, node.outputShape]));
    this.cards = drawCards(
      drawn,
      untrack(() => this.cards),
      this.#repair,
    );
    this.wires = drawWires(
      drawn,
      untrack(() => this.wires),
      shapes,
      bench.wire,
    );
  }

  /**
   * What the layout depends on is compared first: settings that change no card's size leave it alone, and so do faults, which
   * only push down what stands below them. Cards that were put somewhere by hand make room for faults as they do for cards.
   */
  #place(): LayoutResult {
    const { view } = this;
    const reads = new Map<string, string[]>();
    for (const wire of view.wires) {
      const list = reads.get(wire.to);
      if (list) list.push(wire.from);
      else reads.set(wire.to, [wire.from]);
    }
    const byHand = view.cards.some((card) => this.#positions.has(firstMember(card)));
    const input = view.cards.map((card) => ({
      id: card.id,
      inputs: reads.get(card.id) ?? [],
      width: cardWidth,
      height: cardHeight(card) + (byHand ? roomOf(card) : 0),
      position: this.#positions.get(firstMember(card)),
      group: card.kind === 'layer' ? card.block : undefined,
    }));
    const layout = this.#layoutOf(input);
    if (byHand) return layout;
    const rooms = view.cards.flatMap((card) => {
      const room = roomOf(card);
      return room === 0 ? [] : [{ id: card.id, cardHeight: cardHeight(card), room }];
    });
    return withRoom(layout, rooms);
  }

  #layoutOf(input: readonly (Placed & { readonly group: string | undefined })[]): LayoutResult {
    const { width, height } = this;
    const groups = input.map((each) => each.group ?? '').join();
    const pane = `${width} ${height}`;
    const last = this.#lastLayout;
    if (last?.pane === pane && last.groups === groups && isSame(last.input, input)) return last.result;
    const result = input.some((each) => each.position !== undefined)
      ? keepPlaces(input)
      : layoutGraph(input, { width: width - 2 * margin, height: height - margin - marginAbove }, cardGaps);
    this.#lastLayout = { input, groups, pane, result };
    return result;
  }

  readonly #repair = ({ node, index }: Repairing): void => {
    const chosen = this.app.draft.inspection?.nodes.find((each) => each.id === node)?.repairs[index];
    if (chosen) this.app.bench.repair(chosen);
  };

  /** The card of a layer: its own, or that of its folded block. */
  cardOf(layer: string): string {
    const card = this.view.cards.find(
      (each) => each.id === layer || (each.kind === 'block' && each.members.some((node) => node.id === layer)),
    );
    return card?.id ?? layer;
  }

  /** The layers at the ends of a wire. */
  wireOf(id: string): readonly [string, string] | null {
    const wire = this.view.wires.find((each) => each.id === id);
    return wire ? [wire.source, wire.target] : null;
  }

  boxes(ids: readonly string[]): (Point & { id: string; width: number; height: number })[] {
    return ids.flatMap((id) => {
      const card = this.cards.find((each) => each.id === id);
      return card ? [{ id, ...card.position, width: cardWidth, height: cardHeight(card.data.view) }] : [];
    });
  }

  /** Where each layer stands: those of a folded block one under the other, for when it is unfolded. */
  layerPlaces(): Map<string, Point> {
    const places = new Map<string, Point>();
    for (const card of this.cards) {
      const shown = card.data.view;
      if (shown.kind === 'layer') {
        if (!shown.node.inserted) places.set(card.id, card.position);
        continue;
      }
      const start = this.#positions.get(shown.members[0]?.id ?? '');
      shown.members.forEach((node, i) => {
        const old = this.#positions.get(node.id);
        const offset =
          start && old ? { x: old.x - start.x, y: old.y - start.y } : { x: 0, y: i * (layerHeight + cardGaps.ranks) };
        if (!node.inserted) places.set(node.id, { x: card.position.x + offset.x, y: card.position.y + offset.y });
      });
    }
    return places;
  }
}
