import type { Point } from './geometry.ts';

/** SVG path of a wire: smooth within a column, with round corners between columns. */
export function wirePath(points: readonly Point[], broken: boolean): string {
  if (points.length === 0) return '';
  return broken ? corners(points, 8) : curve(points);
}

function curve(points: readonly Point[]): string {
  let path = `M${at(points[0]!)}`;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1]!, points[i]!];
    const middle = (a.y + b.y) / 2;
    path += a.x === b.x ? `L${at(b)}` : `C${at({ x: a.x, y: middle })} ${at({ x: b.x, y: middle })} ${at(b)}`;
  }
  return path;
}

function corners(points: readonly Point[], radius: number): string {
  let path = `M${at(points[0]!)}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [before, corner, after] = [points[i - 1]!, points[i]!, points[i + 1]!];
    path += `L${at(toward(corner, before, radius))}Q${at(corner)} ${at(toward(corner, after, radius))}`;
  }
  return `${path}L${at(points.at(-1)!)}`;
}

function toward(from: Point, to: Point, distance: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const share = length === 0 ? 0 : Math.min(distance, length / 2) / length;
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}

const round = (value: number): number => Math.round(value * 10) / 10;
const at = ({ x, y }: Point): string => `${round(x)} ${round(y)}`;
