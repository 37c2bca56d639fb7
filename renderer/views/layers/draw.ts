import type { Palette } from '../../charts/option.ts';
import { css, sequential } from '../../charts/sequential.ts';

type Values = readonly (number | null)[];

/** What a drawing gets: a canvas of `width` by `height` CSS pixels, cleared. */
export interface Surface {
  readonly context: CanvasRenderingContext2D;
  readonly width: number;
  readonly height: number;
  readonly palette: Palette;
}
export type Draw = (surface: Surface) => void;

/** Every drawing of the view shares it: one column per probe, so that early, dense probes have room. */
export const columnX = (i: number, count: number, width: number): number =>
  count < 2 ? width / 2 : (i / (count - 1)) * (width - 2) + 1;

export const placeAt = (x: number, count: number, width: number): number =>
  Math.min(count - 1, Math.max(0, Math.round(((x - 1) / Math.max(1, width - 2)) * (count - 1))));

/** Lowest and highest of all values, a little apart where they are equal; null where there are none. */
export function extentOf(lists: readonly Values[]): readonly [number, number] | null {
  let low = Infinity;
  let high = -Infinity;
  for (const list of lists) {
    for (const value of list) {
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return null;
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

const scaleY =
  ([low, high]: readonly [number, number], height: number) =>
  (value: number): number =>
    height - 2 - ((value - low) / (high - low)) * (height - 4);

function cursorLine({ context, width, height, palette }: Surface, place: number, count: number): void {
  context.globalAlpha = 1;
  context.strokeStyle = palette.text;
  context.lineWidth = 1;
  const x = Math.round(columnX(place, count, width)) + 0.5;
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x, height);
  context.stroke();
}

/** The places of the first probes of each stage but the first: what jumps there, jumps because the images are others. */
export function stagePlaces(steps: readonly number[], stages: readonly { readonly step: number }[]): number[] {
  const places = stages.flatMap(({ step }) => (step > 0 ? [steps.findIndex((probed) => probed >= step)] : []));
  return [...new Set(places)].filter((place) => place > 0);
}

/** A drawing with a dashed line where a stage begins. */
export function withStages(draw: Draw, places: readonly number[], count: number): Draw {
  return (surface) => {
    draw(surface);
    const { context, width, height, palette } = surface;
    context.globalAlpha = 1;
    context.strokeStyle = palette.quiet;
    context.lineWidth = 1;
    context.setLineDash([2, 2]);
    for (const place of places) {
      // between the last probe of one stage and the first of the next
      const x = Math.round((columnX(place - 1, count, width) + columnX(place, count, width)) / 2) + 0.5;
      context.beginPath();
      context.moveTo(x, 0);
      context.lineTo(x, height);
      context.stroke();
    }
    context.setLineDash([]);
  };
}

/** Draws a line with gaps where there is no value. */
function line({ context, width }: Surface, values: Values, y: (value: number) => number): void {
  context.beginPath();
  let open = false;
  values.forEach((value, i) => {
    if (value === null) open = false;
    else {
      const x = columnX(i, values.length, width);
      if (open) context.lineTo(x, y(value));
      else context.moveTo(x, y(value));
      open = true;
    }
  });
  context.stroke();
}

/** The 15th to 85th percentile as a band around the median. */
export function bandDrawing(p15: Values, p50: Values, p85: Values, place: number, series: number): Draw {
  return (surface) => {
    const extent = extentOf([p15, p85]);
    if (!extent) return;
    const { context, width, height, palette } = surface;
    const y = scaleY(extent, height);
    const color = palette.series[series]!;
    if (extent[0] < 0 && extent[1] > 0) {
      context.strokeStyle = palette.grid;
      context.strokeRect(0, Math.round(y(0)) + 0.5, width, 0);
    }
    context.fillStyle = color;
    context.globalAlpha = 0.25;
    context.beginPath();
    const known = p50.flatMap((value, i) => (value === null || p15[i] == null || p85[i] == null ? [] : [i]));
    for (const i of known) context.lineTo(columnX(i, p50.length, width), y(p85[i]!));
    for (const i of known.reverse()) context.lineTo(columnX(i, p50.length, width), y(p15[i]!));
    context.closePath();
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = color;
    context.lineWidth = 1.5;
    line(surface, p50, y);
    cursorLine(surface, place, p50.length);
  };
}

/** A row of a heat map: a column per probe, coloured by the logarithm of its value between the limits of the whole map. */
export function heatDrawing(values: Values, limits: readonly [number, number] | null, place: number): Draw {
  return (surface) => {
    const { context, width, height } = surface;
    if (!limits) return;
    const [low, high] = limits.map((value) => Math.log10(value)) as [number, number];
    const edge = (i: number): number => (i / values.length) * width;
    values.forEach((value, i) => {
      if (value === null || !(value > 0)) return;
      context.fillStyle = css(sequential(high === low ? 0.5 : (Math.log10(value) - low) / (high - low)));
      context.fillRect(Math.floor(edge(i)), 0, Math.ceil(edge(i + 1)) - Math.floor(edge(i)), height);
    });
    cursorLine(surface, place, values.length);
  };
}

/** Lowest and highest positive value of a map, for its colours. */
export function positiveLimits(lists: readonly Values[]): readonly [number, number] | null {
  let low = Infinity;
  let high = 0;
  for (const value of lists.flat()) {
    if (value === null || !(value > 0)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return high === 0 ? null : [low, high];
}

/** A curve over a fixed range of values, on a logarithmic axis where `log`, with the healthy part shaded. */
export function rangeDrawing(
  values: Values,
  axis: readonly [number, number],
  healthy: readonly [number, number],
  options: { readonly log: boolean; readonly place: number; readonly series: number },
): Draw {
  return (surface) => {
    const { context, width, height, palette } = surface;
    const of = options.log
      ? (value: number): number => Math.log10(Math.max(value, 1e-30))
      : (value: number): number => value;
    const limits = [of(axis[0]), of(axis[1])] as const;
    const inside = (value: number): number => Math.min(limits[1], Math.max(limits[0], of(value)));
    const y = scaleY(limits, height);
    const top = y(inside(healthy[1]));
    context.fillStyle = palette.series[2]!;
    context.globalAlpha = 0.14;
    context.fillRect(0, top, width, y(inside(healthy[0])) - top);
    context.globalAlpha = 1;
    context.strokeStyle = palette.series[options.series]!;
    context.lineWidth = 1.5;
    line(surface, values, (value) => y(inside(value)));
    cursorLine(surface, options.place, values.length);
  };
}

export interface RidgeInput {
  readonly steps: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly counts: readonly (readonly number[])[];
}

/** Room for the labels of a ridge plot, in pixels. */
const ridgeLabels = 56;
const ridgeFoot = 18;

/** Histograms of several steps behind one another on a common axis, the newest in front; `near` is drawn in full colour. */
export function ridgeDrawing(input: RidgeInput, near: number, series: number, label: (value: number) => string): Draw {
  return ({ context, width, height, palette }) => {
    const { steps, low, high, counts } = input;
    if (steps.length === 0) return;
    const from = Math.min(...low);
    const to = Math.max(...high);
    const plot = width - ridgeLabels - 8;
    const x = (value: number): number => ((value - from) / (to - from || 1)) * plot + 4;
    const rise = Math.min(60, (height - ridgeFoot) * 0.35);
    const base = (i: number): number =>
      rise + (steps.length < 2 ? 1 : i / (steps.length - 1)) * (height - ridgeFoot - rise - 2);
    const marked = steps.reduce(
      (best, step, i) => (Math.abs(step - near) < Math.abs(steps[best]! - near) ? i : best),
      0,
    );
    let lastLabel = -Infinity;
    steps.forEach((step, i) => {
      const bins = counts[i]!.slice(1, -1);
      const most = Math.max(1, ...bins);
      const size = (high[i]! - low[i]!) / bins.length;
      const y = (count: number): number => base(i) - (count / most) * rise;
      context.beginPath();
      context.moveTo(x(low[i]!), base(i));
      bins.forEach((count, bin) => context.lineTo(x(low[i]! + (bin + 0.5) * size), y(count)));
      context.lineTo(x(high[i]!), base(i));
      const isMarked = i === marked;
      context.fillStyle = isMarked ? palette.series[series]! : palette.grid;
      context.globalAlpha = isMarked ? 0.55 : 0.8;
      context.fill();
      context.globalAlpha = isMarked ? 1 : 0.55;
      context.strokeStyle = isMarked ? palette.text : palette.series[series]!;
      context.lineWidth = 1;
      context.stroke();
      context.globalAlpha = 1;
      if (isMarked || base(i) - lastLabel > 14) {
        lastLabel = base(i);
        context.fillStyle = isMarked ? palette.text : palette.quiet;
        context.font = `11px ${palette.font}`;
        context.textAlign = 'right';
        context.fillText(step.toLocaleString('en-GB'), width - 4, base(i) + 3);
      }
    });
    context.fillStyle = palette.quiet;
    context.font = `11px ${palette.font}`;
    for (const part of [0, 0.25, 0.5, 0.75, 1]) {
      context.textAlign = part === 0 ? 'left' : part === 1 ? 'right' : 'center';
      context.fillText(label(from + (to - from) * part), 4 + part * plot, height - 4);
    }
  };
}
