import { describe, expect, it } from 'vitest';
import { checkGraph } from '../../../engine/graph/check.ts';
import { describeGraph } from '../../../engine/graph/describe.ts';
import { darkColours } from '../../../engine/graph/picture/colours.ts';
import { drawPicture, type PictureNode } from '../../../engine/graph/picture/picture.ts';
import { drawThumbnail } from '../../../engine/graph/picture/thumbnail.ts';
import { classes, image, residual } from '../models/examples.ts';

const described = describeGraph(checkGraph(residual, { inputShape: image, classes }));
const occurrences = (text: string, part: string): number => text.split(part).length - 1;

describe('picture', () => {
  it('shows every layer with its shape and parameters, and every wire', () => {
    const svg = drawPicture(described, { title: 'Residual' });
    expect(svg).toMatch(/^<svg [^]*<title>Residual<\/title>[^]*<\/svg>\n$/);
    expect(occurrences(svg, '<g ')).toBe(described.length);
    for (const node of described) {
      expect(svg).toContain(`>${node.outputShape.join('×')}<`);
      if (node.parameters > 0) expect(svg).toContain(`>${node.parameters.toLocaleString('en')} par.<`);
    }
    const wires = described.reduce((sum, node) => sum + new Set(node.inputs).size, 0);
    expect(occurrences(svg, 'fill="none"')).toBe(wires);
  });

  it('takes the form that is asked for', () => {
    const size = (svg: string): number[] => /width="(\d+)" height="(\d+)"/.exec(svg)!.slice(1).map(Number);
    const [tallWidth, tallHeight] = size(drawPicture(described));
    const [wideWidth, wideHeight] = size(drawPicture(described, { ratio: 2 }));
    expect(wideWidth! / wideHeight!).toBeGreaterThan(2 * (tallWidth! / tallHeight!));
  });

  it('writes any text as text', () => {
    const node: PictureNode = {
      id: 'a"<b>&',
      title: '<script>',
      category: 'linear',
      properties: '1 < 2',
      inputs: ['ghost'],
      outputShape: null,
      parameters: null,
    };
    for (const svg of [
      drawPicture([node, node], { title: '</title>' }),
      drawThumbnail([node], { title: '</title>' }),
    ]) {
      expect(svg).not.toContain('<script>');
      expect(occurrences(svg, '<title>')).toBe(occurrences(svg, '</title>'));
    }
  });
});

describe('thumbnail', () => {
  it('fits its frame and tapers as the image shrinks', () => {
    const svg = drawThumbnail(described, { width: 200, height: 80, colours: darkColours });
    const scale = Number(/scale\(([\d.]+)\)/.exec(svg)![1]);
    const bars = [...svg.matchAll(/<rect x="([\d.-]+)" y="([\d.-]+)" width="([\d.]+)" height="([\d.]+)" rx/g)].map(
      ([, ...numbers]) => numbers.map(Number) as [number, number, number, number],
    );
    expect(bars).toHaveLength(described.length);
    for (const [x, y, width, height] of bars) {
      expect((x + width) * scale).toBeLessThanOrEqual(200);
      expect((y + height) * scale).toBeLessThanOrEqual(80);
    }
    expect(bars[0]![3]).toBeGreaterThan(bars.at(-1)![3]);
  });
});
