import type { LayerName } from '../layers/layerName.ts';

/** One layer of a model, as it is written to JSON. */
export interface NodeDocument {
  /** Unique in the model. The layer's random draws follow it, not its place. */
  readonly id: string;
  readonly layer: LayerName;
  /** Ids of the nodes that it reads, in order. Left out: the node before in the list. */
  readonly inputs?: readonly string[];
  /** The layer's own settings; what is left out has its default. */
  readonly props?: Readonly<Record<string, unknown>>;
  /** Place on the canvas. */
  readonly position?: { readonly x: number; readonly y: number };
  readonly title?: string;
}

/**
 * A model as people draw and save it: a directed acyclic graph with one node of layer `input`, whose shape comes from the
 * data set, and one node that nobody reads, the output. The order of the list is free as far as `inputs` are written out.
 */
export interface GraphDocument {
  readonly nodes: readonly NodeDocument[];
  /** Named parts of it. They say nothing about what is trained: the nodes stand in the list like any others. */
  readonly blocks?: readonly BlockDocument[];
}

/** A part of a model that people see as one: "conv, batch norm, ReLU", perhaps several times one behind the other. */
export interface BlockDocument {
  readonly id: string;
  readonly title: string;
  /** Ids of the nodes of each repetition; counterparts have the same place in each list. A node is in one block at most. */
  readonly copies: readonly (readonly string[])[];
  /** Folded up on the canvas. */
  readonly collapsed?: boolean;
}

/** Ids that the node at `index` of the list reads, with the default ("the node before") filled in. */
export function inputsOf(nodes: readonly NodeDocument[], index: number): readonly string[] {
  const node = nodes[index]!;
  if (node.inputs !== undefined) return node.inputs;
  if (index === 0 || node.layer === 'input') return [];
  return [nodes[index - 1]!.id];
}
