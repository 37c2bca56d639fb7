import type { LayerCategory } from '../../layers/layer.ts';
import type { Shape } from '../../tensor.ts';
import { layoutGraph } from '../layout/layout.ts';
import { wirePath } from '../layout/wirePath.ts';
import { lightColours, type PictureColours } from './colours.ts';

/** A layer as a picture shows it: a `NodeDescription`, or what is known of a faulty one. */
export interface PictureNode {
  readonly id: string;
  readonly title: string;
  readonly category: LayerCategory;
  readonly properties: string;
  readonly inputs: readonly string[];
  /** Of one image; null while it is not known. */
  readonly outputShape: Shape | null;
  readonly parameters: number | null;
}

export interface PictureOptions {
  readonly colours?: PictureColours;
  /** Shape of the page that the network is laid out for, width / height; left out: one column from top to bottom. */
  readonly ratio?: number;
  /** Read out by screen readers, and shown as a tooltip. */
  readonly title?: string;
}

const card = { width: 216, height: 72, stripe: 4 };
const margin = 24;

/** The network as an SVG document: one card per layer with its properties, output shape and parameters. */
export function drawPicture(nodes: readonly PictureNode[], options: PictureOptions = {}): string {
  const { colours = lightColours, ratio, title = 'Network' } = options;
  const boxes = nodes.map(({ id, inputs }) => ({ id, inputs, width: card.width, height: card.height }));
  // the pane of the wished form that holds all cards; how large it is decides nothing
  const area = nodes.length * (card.width + 40) * (card.height + 36);
  const pane = ratio === undefined ? undefined : { width: Math.sqrt(area * ratio), height: Math.sqrt(area / ratio) };
  const layout = layoutGraph(boxes, pane);
  const [width, height] = [Math.ceil(layout.width + 2 * margin), Math.ceil(layout.height + 2 * margin)];
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="${-margin} ${-margin} ${width} ${height}" role="img" font-family="Inter, system-ui, sans-serif" font-size="12">`,
    title === '' ? '' : `<title>${escape(title)}</title>`,
  ];
  if (colours.page !== null) {
    parts.push(`<rect x="${-margin}" y="${-margin}" width="${width}" height="${height}" fill="${colours.page}"/>`);
  }
  for (const wire of layout.wires) {
    const path = wirePath(wire.points, wire.broken);
    parts.push(`<path d="${path}" fill="none" stroke="${colours.wire}" stroke-width="1.25"/>`);
  }
  const drawn = new Set<string>();
  for (const node of nodes) {
    if (drawn.has(node.id)) continue;
    drawn.add(node.id);
    parts.push(drawCard(node, layout.nodes.get(node.id)!, colours));
  }
  parts.push('</svg>\n');
  return parts.join('\n');
}

function drawCard(node: PictureNode, { x, y }: { x: number; y: number }, colours: PictureColours): string {
  const { width, height, stripe } = card;
  const left = stripe + 10;
  const right = width - 10;
  const shape = node.outputShape === null ? '?' : node.outputShape.join('×');
  const parameters = node.parameters ? `${groups.format(node.parameters)} par.` : '';
  const mono = 'font-family="JetBrains Mono, ui-monospace, monospace" font-size="11"';
  const title = clip(node.title, 20);
  return [
    `<g transform="translate(${x} ${y})">`,
    `<title>${escape(`${node.title} ${node.id}${node.properties ? `: ${node.properties}` : ''}`)}</title>`,
    `<rect width="${width}" height="${height}" rx="6" fill="${colours.card}" stroke="${colours.line}"/>`,
    `<path d="M${stripe} .5V${height - 0.5}H6A5.5 5.5 0 0 1 .5 ${height - 6}V6A5.5 5.5 0 0 1 6 .5Z" fill="${colours.category[node.category]}"/>`,
    `<text x="${left}" y="22" font-weight="600" font-size="13" fill="${colours.text}">${escape(title)}</text>`,
    `<text x="${right}" y="22" text-anchor="end" ${mono} fill="${colours.quiet}">${escape(clip(node.id, 25 - title.length))}</text>`,
    `<text x="${left}" y="40" fill="${colours.quiet}">${escape(clip(node.properties, 34))}</text>`,
    `<text x="${left}" y="60" ${mono} fill="${colours.text}">${shape}</text>`,
    `<text x="${right}" y="60" text-anchor="end" ${mono} fill="${colours.quiet}">${parameters}</text>`,
    '</g>',
  ].join('');
}

const groups = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

const clip = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, Math.max(1, most - 1))}…`;

export const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign]!);
