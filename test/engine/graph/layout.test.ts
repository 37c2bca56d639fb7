import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LayoutNode } from '../../../engine/graph/layout/geometry.ts';
import { layoutGraph } from '../../../engine/graph/layout/layout.ts';
import { wirePath } from '../../../engine/graph/layout/wirePath.ts';
import { leastTime, slowness } from '../../processorTime.ts';

describe('layout', () => {
  const size = { width: 208, height: 70 };
  const line = (n: number): LayoutNode[] =>
    Array.from({ length: n }, (_, i) => ({ id: `n${i}`, inputs: i > 0 ? [`n${i - 1}`] : [], ...size }));

  it('never lets cards overlap, and breaks tall networks into columns', () => {
    const graph = fc
      .integer({ min: 1, max: 24 })
      .chain((n) =>
        fc.tuple(
          ...Array.from({ length: n }, (_, i) =>
            i === 0 ? fc.constant([] as number[]) : fc.array(fc.nat(i - 1), { minLength: 1, maxLength: 2 }),
          ),
        ),
      );
    fc.assert(
      fc.property(graph, (inputs) => {
        const nodes = inputs.map((list, i) => ({ id: `n${i}`, inputs: list.map((k) => `n${k}`), ...size }));
        const { nodes: places, wires, width, height } = layoutGraph(nodes, { width: 900, height: 700 });
        const boxes = [...places.values()];
        for (let i = 0; i < boxes.length; i++) {
          const a = boxes[i]!;
          expect(a.x).toBeGreaterThanOrEqual(-1e-6);
          expect(a.x + size.width).toBeLessThanOrEqual(width + 1e-6);
          expect(a.y + size.height).toBeLessThanOrEqual(height + 1e-6);
          for (const b of boxes.slice(i + 1)) {
            const apart = Math.abs(a.x - b.x) >= size.width - 1e-6 || Math.abs(a.y - b.y) >= size.height - 1e-6;
            expect(apart).toBe(true);
          }
        }
        for (const wire of wires) expect(wirePath(wire.points, wire.broken)).toMatch(/^M[-\d. ]+[LC]/);
      }),
      { numRuns: 40 },
    );
    const tall = layoutGraph(line(16), { width: 1000, height: 700 });
    expect(new Set([...tall.nodes.values()].map((place) => place.x)).size).toBeGreaterThan(1);
    expect(tall.height).toBeLessThan(16 * 100);
  });

  it('keeps a short chain in one column', () => {
    const { nodes, wires } = layoutGraph(line(4), { width: 1000, height: 800 });
    expect(new Set([...nodes.values()].map((place) => place.x)).size).toBe(1);
    expect(wires.every((wire) => !wire.broken)).toBe(true);
  });

  it('passes over wires from nodes that are not there', () => {
    const { wires } = layoutGraph([{ id: 'a', inputs: ['ghost', 'a'], ...size }], { width: 500, height: 500 });
    expect(wires).toEqual([]);
  });

  it('keeps the main line straight and leads a shortcut around it', () => {
    const chainOf = ['a', 'b', 'c', 'd'].map((id, i, all) => ({ id, inputs: i > 0 ? [all[i - 1]!] : [], ...size }));
    const { nodes, wires } = layoutGraph([...chainOf, { id: 'add', inputs: ['d', 'a'], ...size }]);
    expect(new Set([...nodes.values()].map(({ x }) => x)).size).toBe(1);
    const shortcut = wires.find(({ id }) => id === 'a→add')!;
    expect(Math.max(...shortcut.points.map(({ x }) => x))).toBeGreaterThan(nodes.get('b')!.x + size.width);
  });

  it('places cycles, double ids and nodes without wires too', () => {
    const odd = [
      { id: 'a', inputs: ['c'], ...size },
      { id: 'b', inputs: ['a'], ...size },
      { id: 'c', inputs: ['b'], ...size },
      { id: 'c', inputs: [], ...size },
      { id: 'alone', inputs: [], ...size },
    ];
    expect([...layoutGraph(odd).nodes.keys()].sort()).toEqual(['a', 'alone', 'b', 'c']);
    expect(layoutGraph([]).width).toBe(1);
  });

  it('does not tear a group apart', () => {
    const nodes = line(16).map((node, i) => ({ ...node, group: i >= 3 && i < 13 ? 'block' : undefined }));
    const places = layoutGraph(nodes, { width: 1000, height: 700 }).nodes;
    const inside = nodes.filter(({ group }) => group !== undefined).map(({ id }) => places.get(id)!.x);
    expect(new Set(inside).size).toBe(1);
    expect(new Set([...places.values()].map(({ x }) => x)).size).toBeGreaterThan(1);
  });

  it('takes linear time: 5,000 nodes', () => {
    const many = Array.from({ length: 5000 }, (_, i) => ({
      id: `n${i}`,
      inputs: i === 0 ? [] : i % 7 === 6 ? [`n${i - 1}`, `n${i - 5}`] : [`n${i - 1}`],
      ...size,
    }));
    expect(leastTime(() => layoutGraph(many, { width: 1000, height: 700 }), 2)).toBeLessThan(3000 * slowness());
  });
});
