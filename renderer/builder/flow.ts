import type { Edge, Node } from '@xyflow/svelte';
import type { ModelNode } from './model.ts';

/** A layer's card on the canvas. */
export type CardNode = Node<{ node: ModelNode; height: number }, 'card'>;
/** A wire with the way it takes and the shape that flows through it. */
export type WireEdge = Edge<{ path: string; label: string; at: { x: number; y: number } }, 'wire'>;

export const cardWidth = 208;
export const cardHeight = 70;

/** Room under a card for its fault: about 36 letters to a line. */
export const faultHeight = (message: string | undefined): number =>
  message === undefined ? 0 : 14 * Math.ceil(message.length / 34) + 8;
