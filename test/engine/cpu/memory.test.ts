import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { placeTransient } from '../../../engine/cpu/arena.ts';
import { compilePlan } from '../../../engine/cpu/compile.ts';
import { sliceCount, sliceSizes, sliceStart, type Buffer } from '../../../engine/cpu/step.ts';
import { schedule } from '../../../engine/cpu/schedule.ts';
import { byRow, whole, type Access, type Step } from '../../../engine/cpu/step.ts';
import { adam, cnnLayers, lowerNet } from './net.ts';

function buffer(name: string, bytes = 64): Buffer {
  return { name, bytes, address: 0, place: 'shared' };
}

describe('arena', () => {
  it('never puts two values that live at once on the same bytes', () => {
    const life = fc.record({
      bytes: fc.integer({ min: 1, max: 5000 }),
      first: fc.integer({ min: 0, max: 20 }),
      length: fc.integer({ min: 0, max: 8 }),
    });
    fc.assert(
      fc.property(fc.array(life, { maxLength: 40 }), fc.integer({ min: 0, max: 999 }), (lives, base) => {
        const lifetimes = lives.map(({ bytes, first, length }, i) => ({
          buffer: buffer(`b${i}`, bytes),
          bytes,
          first,
          last: first + length,
        }));
        const end = placeTransient(lifetimes, base);
        lifetimes.forEach((a, i) => {
          expect(a.buffer.address).toBeGreaterThanOrEqual(base);
          expect(a.buffer.address + a.bytes).toBeLessThanOrEqual(end);
          for (const b of lifetimes.slice(i + 1)) {
            const together = a.first <= b.last && b.first <= a.last;
            const apart =
              a.buffer.address + a.bytes <= b.buffer.address || b.buffer.address + b.bytes <= a.buffer.address;
            expect(!together || apart).toBe(true);
          }
        });
      }),
    );
  });

  it('a larger evaluation batch takes little more memory: chains of ops keep a row or a slice at a time', () => {
    const bytes = (evaluationBatch: number): number =>
      65_536 *
      compilePlan(lowerNet(cnnLayers, [1, 12, 10], 10, adam, evaluationBatch).plan, 1, { relaxed: true }).pages;
    // An image's activations are some 20 kB. Kept for a slice (a 16th of the batch) are the rows of the dense part alone.
    expect(bytes(4000) - bytes(40)).toBeLessThan(4000 * 800);
  });
});

describe('slices', () => {
  it('cover a batch in order, nearly equal, for any size', () => {
    for (let rows = 1; rows <= 1100; rows++) {
      const count = sliceCount(rows);
      expect(count).toBeLessThanOrEqual(16);
      expect(sliceStart(rows, 0)).toBe(0);
      expect(sliceStart(rows, count)).toBe(rows);
      const sizes = new Set<number>();
      for (let slice = 0; slice < count; slice++) sizes.add(sliceStart(rows, slice + 1) - sliceStart(rows, slice));
      expect([...sizes].sort((a, b) => a - b)).toEqual(sliceSizes(rows));
    }
  });

  it('are tiles of six rows where that divides', () => {
    expect(sliceSizes(60)).toEqual([6]);
    expect(sliceSizes(64)).toEqual([8]);
    expect(sliceSizes(7)).toEqual([1]);
  });
});

describe('schedule', () => {
  const rows = (name: string, reads: Access[], writes: Access[], batch = 8): Step => ({
    kind: 'rows',
    name,
    rows: batch,
    unit: 'image',
    reads,
    writes,
    cost: 1,
    emit: () => undefined,
  });
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => buffer(name)) as [Buffer, Buffer, Buffer, Buffer];
  const levelsOf = (steps: Step[]): string[][] =>
    schedule(steps).levels.map(({ units }) =>
      units.flatMap((unit) => (unit.kind === 'rows' ? unit.steps.map(({ name }) => name) : [unit.step.name])),
    );

  it('keeps a chain of rows in one level and starts another where a whole value is needed', () => {
    const steps = [
      rows('one', [byRow(a)], [byRow(b)]),
      rows('two', [byRow(b)], [byRow(c)]),
      rows('sum', [whole(c)], [byRow(d)]),
    ];
    expect(levelsOf(steps)).toEqual([['one', 'two'], ['sum']]);
  });

  it('separates batches of different size, and writers from earlier readers', () => {
    expect(levelsOf([rows('eight', [], [byRow(a)]), rows('four', [byRow(a)], [byRow(b)], 4)])).toEqual([
      ['eight'],
      ['four'],
    ]);
    expect(levelsOf([rows('read', [whole(a)], [byRow(b)]), rows('write', [], [byRow(a)])])).toEqual([
      ['read'],
      ['write'],
    ]);
    expect(levelsOf([rows('first', [], [byRow(a)]), rows('other', [], [byRow(b)])])).toEqual([['first', 'other']]);
  });
});

describe('a machine without SIMD', () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.resetModules();
  });

  it('is told so', async () => {
    vi.resetModules();
    vi.spyOn(WebAssembly, 'validate').mockReturnValue(false);
    const { cpuBackend } = await import('../../../engine/cpu/index.ts');
    const { plan } = lowerNet(cnnLayers, [1, 12, 10], 10, adam);
    await expect(cpuBackend.compile(plan)).rejects.toMatchObject({
      code: 'device',
      message: expect.stringContaining('WebAssembly SIMD') as unknown,
    });
  });
});
