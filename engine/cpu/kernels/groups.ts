import { pad4 } from '../layout.ts';
import type { Placed } from '../step.ts';

/** How a tensor's values lie among padding, which holds anything: in `groups` stretches of `period`, `valid` of each. */
export interface Groups {
  readonly groups: number;
  readonly period: number;
  readonly valid: number;
}

export function groupsOf({ layout, shape }: Placed): Groups {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const { size, rows, rowSize, pixel } = layout;
  if (size === count) return { groups: size / 4, period: 4, valid: 4 };
  if (layout.kind === 'plane') return { groups: rows, period: rowSize, valid: count / rows };
  if (layout.kind === 'raw' || shape.length < 2) return { groups: 1, period: size, valid: count };
  const [valid, period] = layout.kind === 'natural' ? [shape[1]!, pixel] : [shape[0]!, pad4(shape[0]!)];
  return { groups: size / period, period, valid };
}
