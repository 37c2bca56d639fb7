import { scientific } from '../format.ts';
import type { Points } from './points.ts';

/** One line of a chart. */
export interface Curve {
  readonly id: string;
  /** Direct label at its end; without one the line has no label. */
  readonly label?: string;
  /** Place in the series palette. */
  readonly color: number;
  readonly points: Points;
  /** Second factor, or training beside validation. */
  readonly dash?: boolean;
  /** Behind the others: single traces of a mean, raw values of a smoothed line. */
  readonly faint?: boolean;
  readonly width?: number;
  /** Around the line: lower and upper edge on the same x. */
  readonly band?: { readonly low: Points; readonly high: Points };
}

export interface ChartAxis {
  readonly label: string;
  /** Text of a value under the cross-hair. */
  readonly format: (value: number) => string;
  /** Ticks as percentages: 0.9 reads 90 %. */
  readonly percent?: boolean;
  /** Counts something: ticks stand at whole numbers. */
  readonly whole?: boolean;
}

/** Text of a fraction's tick, as a percentage. */
export const percentTick = (value: number, step: number): string => `${tickText(value * 100, step * 100)}\u202f%`;

/** A number beside a curve or an axis, where there is little room: 2.185×10³¹. */
export const narrow = (text: string): string => text.replace('\u202f×\u202f', '×');

/** Text of the axis's numbers, with as many decimals as the distance of the ticks needs. */
export function tickText(value: number, step: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e9) return narrow(scientific(value));
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(6))}\u202fM`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(6))}\u202fk`;
  const decimals = Math.max(0, Math.min(8, -Math.floor(Math.log10(step) + 1e-9)));
  return value
    .toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
    .replace('-', '−');
}
