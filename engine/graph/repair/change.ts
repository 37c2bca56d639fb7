import type { LayerName } from '../../layers/layerName.ts';
import type { NodeDocument } from '../document.ts';

/** A change that takes a fault away, as data. */
export interface Repair {
  /** For a button, lower case inside sentences: "Insert flatten", "Set units to 10". */
  readonly label: string;
  readonly change: RepairChange;
}

export type RepairChange =
  | {
      readonly kind: 'insert';
      readonly layer: LayerName;
      readonly props?: Readonly<Record<string, unknown>>;
      /** Between these two; `to` left out: behind `from`, which nobody reads. */
      readonly from: string;
      readonly to?: string;
      /** A further layer behind the inserted one. */
      readonly then?: { readonly layer: LayerName; readonly props?: Readonly<Record<string, unknown>> };
    }
  /** One node in front of `to` that joins everything it reads. */
  | { readonly kind: 'join'; readonly layer: 'add' | 'concat'; readonly to: string }
  /** `value` undefined: the default, which is not written. */
  | { readonly kind: 'set'; readonly node: string; readonly prop: string; readonly value?: unknown }
  | { readonly kind: 'remove'; readonly node: string }
  | { readonly kind: 'disconnect'; readonly node: string; readonly input: string }
  | { readonly kind: 'connect'; readonly from: string; readonly to: string }
  | { readonly kind: 'rename'; readonly place: number; readonly id: string }
  | { readonly kind: 'addInput' };

/** "flatten1", "flatten2" ...: the first that is free. */
export function freeId(nodes: readonly NodeDocument[], layer: string): string {
  const taken = new Set(nodes.map(({ id }) => id));
  for (let n = 1; ; n++) if (!taken.has(`${layer}${n}`)) return `${layer}${n}`;
}
