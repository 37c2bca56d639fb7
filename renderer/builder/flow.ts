import type { Edge, Node } from '@xyflow/svelte';
import type { Point } from '../../engine/index.ts';
import type { BlockView, CardView, LayerView } from './view.ts';

/** A layer's card on the canvas. `mark`: something is dragged over it and would go behind it. */
export type CardNode = Node<{ view: LayerView; mark: boolean; repair: (prop: Repairing) => void }, 'card'>;
/** A folded block's. */
export type BlockNode = Node<{ view: BlockView; mark: boolean }, 'block'>;
export type CanvasNode = CardNode | BlockNode;
/** A wire, the way that the layout has for it, and what flows through it. */
export type WireEdge = Edge<
  { points: readonly Point[]; broken: boolean; shape: readonly number[] | null; mark: boolean; chosen: boolean },
  'wire'
>;

/** A click on one of the repairs that a card offers. */
export interface Repairing {
  readonly node: string;
  readonly index: number;
}

export const cardWidth = 208;

/** A line for the title, one for the settings and one for the costs, where there is something to say. */
export function cardHeight(view: CardView): number {
  if (view.kind === 'block') return 70;
  const { properties, parameters, macs, inserted } = view.node;
  return 34 + (properties === '' ? 0 : 17) + (parameters || macs || (inserted && properties === '') ? 17 : 0);
}

/** Room under a card for its fault (about 34 letters to a line) and the repair beneath it. */
export const faultHeight = (message: string | undefined, repairs: number): number =>
  message === undefined ? 0 : 14 * Math.ceil(message.length / 33) + 10 + (repairs > 0 ? 24 : 0);
