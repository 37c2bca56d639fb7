/**
 * Where the nodes of a network stand in a drawing. Layers run from top to bottom; a network that is too tall for its pane is
 * broken into columns where one wire alone crosses, read like the columns of a newspaper. Pure geometry, linear in the size of
 * the drawing: 200 nodes take a few milliseconds, 10,000 nodes less than a second.
 */
import { breakIntoColumns } from './columns.ts';
import type { Box, LayoutGaps, LayoutNode, LayoutResult, Point } from './geometry.ts';
import { place } from './place.ts';
import { layered, type Layers } from './ranks.ts';

export const cardGaps: LayoutGaps = { ranks: 36, nodes: 40, columns: 64 };

/** `pane`: what the drawing is to fill; left out, it stays one column. */
export function layoutGraph(
  nodes: readonly LayoutNode[],
  pane?: { readonly width: number; readonly height: number },
  gaps: LayoutGaps = cardGaps,
): LayoutResult {
  const layers = layered(nodes);
  place(layers, gaps.nodes);
  return breakIntoColumns(...drawn(layers, gaps), pane, gaps);
}

/** One drawing of all layers, its upper left corner anywhere. */
function drawn(
  { rows, strands }: Layers,
  gaps: LayoutGaps,
): [Box[][], { from: string; to: string; points: readonly Point[] }[]] {
  const tops: number[] = [];
  const heights = rows.map((row) => row.reduce((most, cell) => Math.max(most, cell.height), 0));
  let y = 0;
  for (const height of heights) {
    tops.push(y);
    y += height + gaps.ranks;
  }
  const boxes = rows.map((row, rank) =>
    row.flatMap(({ source, x, width, height }) =>
      source === undefined
        ? []
        : [{ id: source.id, x: x - width / 2, y: tops[rank]!, width, height, group: source.group }],
    ),
  );
  const wires = strands.map(({ from, to, cells }) => {
    const points = cells.flatMap(({ source, x, height, rank }, i): Point[] => {
      const top = tops[rank]!;
      if (i === 0) return [{ x, y: top + height }];
      if (i === cells.length - 1) return [{ x, y: top }];
      // straight past the cards of its rank
      return source === undefined
        ? [
            { x, y: top },
            { x, y: top + heights[rank]! },
          ]
        : [];
    });
    return { from, to, points };
  });
  return [boxes, wires];
}
