import { Position, type Edge, type Node } from '@xyflow/svelte';
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

/**
 * A line for the title, one for the settings and one for the costs, where there is something to say. A layer whose costs are not
 * known, as one in front of it has a fault, keeps the line that its kind usually has: a fault must not move every card behind it.
 */
export function cardHeight(view: CardView): number {
  if (view.kind === 'block') return 70;
  const { properties, parameters, macs, inserted, category } = view.node;
  const unknown = parameters === null && (category === 'linear' || category === 'normalisation');
  const costs = parameters || macs || unknown || (inserted && properties === '');
  return 34 + (properties === '' ? 0 : 17) + (costs ? 17 : 0);
}

/** A dot's diameter, as canvas/flow.css has it. */
const dot = 11;
/** Where wires begin and end at a card of this height. Told to the canvas, so that it draws cards without measuring them. */
export const handlesOf = (height: number): NonNullable<Node['handles']> => {
  const place = { x: (cardWidth - dot) / 2, width: dot, height: dot };
  return [
    { type: 'target', position: Position.Top, y: -dot / 2, ...place },
    { type: 'source', position: Position.Bottom, y: height - dot / 2, ...place },
  ];
};

/** Room under a card for its fault (about 34 letters to a line) and the repair beneath it. */
export const faultHeight = (message: string | undefined, repairs: number): number =>
  message === undefined ? 0 : 14 * Math.ceil(message.length / 33) + 10 + (repairs > 0 ? 24 : 0);
