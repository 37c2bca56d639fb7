import type { Shape } from '../../tensor.ts';
import type { LayoutGaps } from '../layout/geometry.ts';
import { layoutGraph } from '../layout/layout.ts';
import { wirePath } from '../layout/wirePath.ts';
import { lightColours, type PictureColours } from './colours.ts';
import { escape, type PictureNode } from './picture.ts';

export interface ThumbnailOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colours?: PictureColours;
  readonly title?: string;
}

const gaps: LayoutGaps = { ranks: 5, nodes: 5, columns: 8 };
const margin = 2;
/** Larger networks are drawn by their first layers up to here; a picture of this size shows no more. */
const mostNodes = 2000;

/**
 * A small picture of a network, left to right: one bar per layer, as high as its image is (the logarithm of its height) and as
 * thick as it has channels, so that one sees a convolutional network taper. Colours say what kind of layer it is.
 */
export function drawThumbnail(nodes: readonly PictureNode[], options: ThumbnailOptions = {}): string {
  const { width = 280, height = 96, colours = lightColours, title = 'Network' } = options;
  const shown = nodes.slice(0, mostNodes);
  const tallest = shown.reduce((most, node) => Math.max(most, side(node.outputShape)), 1);
  // laid out from top to bottom, then turned: what is the width there is the height here
  const bars = shown.map((node) => ({ node, ...barOf(node, tallest) }));
  const layout = layoutGraph(
    bars.map(({ node, high, thick }) => ({ id: node.id, inputs: node.inputs, width: high, height: thick })),
    undefined,
    gaps,
  );
  const scale = Math.min(1.5, (width - 2 * margin) / layout.height, (height - 2 * margin) / layout.width);
  const left = (width - layout.height * scale) / 2;
  const top = (height - layout.width * scale) / 2;
  const round = (value: number): number => Math.round(value * 10) / 10;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    title === '' ? '' : `<title>${escape(title)}</title>`,
    `<g transform="translate(${round(left)} ${round(top)}) scale(${Math.round(scale * 1e4) / 1e4})">`,
  ];
  if (colours.page !== null) parts.splice(2, 0, `<rect width="${width}" height="${height}" fill="${colours.page}"/>`);
  const wires = layout.wires.map(({ points }) => sideways(wirePath(points, false)));
  parts.push(`<path d="${wires.join('')}" fill="none" stroke="${colours.wire}" stroke-width="1"/>`);
  const drawn = new Set<string>();
  for (const { node, high, thick } of bars) {
    if (drawn.has(node.id)) continue;
    drawn.add(node.id);
    const { x, y } = layout.nodes.get(node.id)!;
    const colour = colours.category[node.category];
    parts.push(`<rect x="${round(y)}" y="${round(x)}" width="${thick}" height="${high}" rx="1.5" fill="${colour}"/>`);
  }
  parts.push('</g></svg>\n');
  return parts.join('');
}

const side = (shape: Shape | null): number => (shape?.length === 3 ? Math.max(shape[1]!, shape[2]!) : 1);

function barOf({ outputShape: shape }: PictureNode, tallest: number): { high: number; thick: number } {
  if (shape === null) return { high: 18, thick: 6 };
  const values = shape.length === 0 ? 1 : shape[0]!;
  const thick = Math.round(4 + Math.log2(1 + values) * (shape.length === 3 ? 1.2 : 0.4));
  if (shape.length !== 3) return { high: Math.round(10 + 2 * Math.log2(1 + values)), thick };
  return { high: Math.round(12 + (48 * Math.log2(1 + side(shape))) / Math.log2(1 + tallest)), thick };
}

/** A path with x and y exchanged. */
const sideways = (path: string): string => path.replace(/(-?[\d.]+) (-?[\d.]+)/g, '$2 $1');
