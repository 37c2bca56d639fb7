/** What a drawing is made of. */

export interface LayoutNode {
  readonly id: string;
  readonly inputs: readonly string[];
  readonly width: number;
  readonly height: number;
  /** Nodes of one group are not torn apart by a column break. */
  readonly group?: string | undefined;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Point {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly group?: string | undefined;
}

export interface LayoutWire {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly points: readonly Point[];
  /** Runs from the foot of one column to the head of the next. */
  readonly broken: boolean;
}

export interface LayoutResult {
  /** Upper left corners. */
  readonly nodes: ReadonlyMap<string, Point>;
  readonly wires: readonly LayoutWire[];
  readonly width: number;
  readonly height: number;
  /** Where each column begins, from left to right: what stands right of it and left of the next one is in it. */
  readonly columns: readonly number[];
}

export interface LayoutGaps {
  readonly ranks: number;
  readonly nodes: number;
  readonly columns: number;
}

/** How large it can be drawn in the pane; beyond full size nothing is gained. */
export function scaleIn(
  size: { readonly width: number; readonly height: number },
  pane: { readonly width: number; readonly height: number },
): number {
  return Math.min(1, pane.width / size.width, pane.height / size.height);
}
