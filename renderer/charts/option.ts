/** From curves to what ECharts draws. No state, no DOM: colours come in as text. */
import type { Curve } from './model.ts';
import { percentTick, tickText } from './model.ts';
import { extentY, pointCount, thin, visible, type Points } from './points.ts';
import { logRange, niceRange, niceStep } from './scale.ts';

export interface Palette {
  readonly series: readonly string[];
  readonly text: string;
  readonly quiet: string;
  readonly line: string;
  readonly grid: string;
  readonly font: string;
}

export interface Frame {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface Picture {
  readonly curves: readonly Curve[];
  readonly x: { readonly label: string; readonly from: number; readonly to: number; readonly whole?: boolean };
  readonly y: {
    readonly log: boolean;
    readonly percent: boolean;
    readonly from?: number | undefined;
    readonly to?: number | undefined;
  };
  readonly width: number;
  readonly height: number;
  readonly frame: Frame;
}

/** Range of the y axis for what is visible. */
export function rangeY(picture: Picture): { min: number; max: number; step: number } {
  const { x, y } = picture;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const curve of picture.curves) {
    for (const points of [curve.points, ...(curve.band ? [curve.band.low, curve.band.high] : [])]) {
      const extent = extentY(visible(points, x.from, x.to), y.log);
      if (!extent) continue;
      low = Math.min(low, extent[0]);
      high = Math.max(high, extent[1]);
    }
  }
  const count = Math.max(2, Math.round((picture.height - picture.frame.top - picture.frame.bottom) / 44));
  if (low > high)
    return y.log ? { min: 0.1, max: 1, step: 1 } : { min: y.from ?? 0, max: y.to ?? 1, step: niceStep(1, count) };
  if (y.log) return { ...logRange(low, high), step: 1 };
  const range = niceRange(Math.max(low, y.from ?? low), Math.min(high, y.to ?? high), count);
  // a fixed end (accuracy: 1) is kept to even when the next round number lies beyond it
  return {
    min: y.from === undefined ? range.min : Math.max(range.min, y.from),
    max: y.to === undefined ? range.max : Math.min(range.max, y.to),
    step: range.step,
  };
}

export function chartOption(picture: Picture, palette: Palette): Record<string, unknown> {
  const { x, y, frame, width } = picture;
  const range = rangeY(picture);
  const nice = niceStep(x.to - x.from, Math.max(3, Math.round((width - frame.left - frame.right) / 72)));
  const stepX = x.whole ? Math.max(1, nice) : nice;
  const label = { color: palette.quiet, fontFamily: palette.font, fontSize: 11 };
  const tick = { show: false };
  return {
    animation: false,
    grid: { ...frame, containLabel: false },
    xAxis: {
      type: 'value',
      min: x.from,
      max: x.to,
      interval: stepX,
      name: x.label,
      nameLocation: 'middle',
      nameGap: 24,
      nameTextStyle: { ...label, fontSize: 11 },
      axisLine: { show: true, onZero: false, lineStyle: { color: palette.line } },
      axisTick: { show: true, length: 4, lineStyle: { color: palette.line } },
      axisLabel: {
        ...label,
        hideOverlap: true,
        margin: 7,
        // the ends of a zoomed axis are not round; their numbers would only stand in the way of the round ones
        formatter: (value: number) => (isMultiple(value, stepX) ? tickText(value, stepX) : ''),
      },
      splitLine: { show: false },
    },
    yAxis: {
      type: y.log ? 'log' : 'value',
      min: range.min,
      max: range.max,
      ...(!y.log && { interval: range.step }),
      axisLine: { show: false },
      axisTick: tick,
      axisLabel: {
        ...label,
        margin: 8,
        formatter: (value: number) =>
          y.log ? logText(value) : y.percent ? percentTick(value, range.step) : tickText(value, range.step),
      },
      splitLine: { show: true, lineStyle: { color: palette.grid } },
    },
    series: [
      ...picture.curves.filter((curve) => curve.band).map((curve) => bandSeries(curve, picture, palette)),
      ...picture.curves.map((curve, i) => lineSeries(curve, i, picture, palette)),
    ],
  };
}

const isMultiple = (value: number, step: number): boolean => Math.abs(value / step - Math.round(value / step)) < 1e-6;
const logText = (value: number): string =>
  value >= 0.001 && value < 10_000 ? String(Number(value.toPrecision(6))) : value.toExponential(0);

function lineSeries(curve: Curve, order: number, picture: Picture, palette: Palette): Record<string, unknown> {
  const part = thin(visible(curve.points, picture.x.from, picture.x.to), 2 * picture.width);
  const single = pointCount(part) === 1;
  return {
    type: 'line',
    id: curve.id,
    data: part,
    dimensions: ['x', 'y'],
    showSymbol: single,
    symbol: 'circle',
    symbolSize: 5,
    clip: true,
    silent: true,
    emphasis: { disabled: true },
    z: curve.faint ? 2 : 3 + order * 0.001,
    lineStyle: {
      color: palette.series[curve.color]!,
      width: curve.width ?? (curve.faint ? 1 : 1.75),
      opacity: curve.faint ? 0.22 : 1,
      type: curve.dash ? [5, 4] : 'solid',
      join: 'round',
    },
    itemStyle: { color: palette.series[curve.color]!, opacity: curve.faint ? 0.25 : 1 },
  };
}

function bandSeries(curve: Curve, picture: Picture, palette: Palette): Record<string, unknown> {
  const { x, y } = picture;
  const high = visible(curve.band!.high, x.from, x.to);
  const low = visible(curve.band!.low, x.from, x.to);
  const floor = y.log ? rangeY(picture).min : Number.NEGATIVE_INFINITY;
  return {
    type: 'custom',
    id: `${curve.id}:band`,
    silent: true,
    clip: true,
    z: 1,
    data: [0],
    renderItem: (_: unknown, api: { coord(point: [number, number]): [number, number] }) => ({
      type: 'group',
      children: outlines(low, high, floor).map((outline) => ({
        type: 'polygon',
        silent: true,
        shape: { points: outline.map((point) => api.coord(point)) },
        style: { fill: palette.series[curve.color]!, opacity: 0.14 },
      })),
    }),
  };
}

/** Closed outlines of a band, one for each stretch without gaps. Values at or below `floor` are lifted onto it. */
export function outlines(low: Points, high: Points, floor: number): [number, number][][] {
  const done: [number, number][][] = [];
  let upper: [number, number][] = [];
  let lower: [number, number][] = [];
  const close = (): void => {
    if (upper.length > 1) done.push([...upper, ...lower.reverse()]);
    upper = [];
    lower = [];
  };
  const n = Math.min(pointCount(low), pointCount(high));
  for (let i = 0; i < n; i++) {
    const bottom = low[2 * i + 1]!;
    const top = high[2 * i + 1]!;
    if (!Number.isFinite(bottom) || !Number.isFinite(top)) {
      close();
      continue;
    }
    upper.push([high[2 * i]!, Math.max(top, floor)]);
    lower.push([low[2 * i]!, Math.max(bottom, floor)]);
  }
  close();
  return done;
}
