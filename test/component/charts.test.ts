import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { curvesCsv } from '../../renderer/charts/export.ts';
import { ChartGroup } from '../../renderer/charts/group.svelte.ts';
import { tickText } from '../../renderer/charts/model.ts';
import { chartOption, outlines, rangeY, type Palette, type Picture } from '../../renderer/charts/option.ts';
import { extentY, interleave, lastPoint, nearest, smooth, thin, visible } from '../../renderer/charts/points.ts';
import { growingEnd, logRange, niceRange, niceStep, spread, ticks } from '../../renderer/charts/scale.ts';

const points = (...values: number[]): Float64Array => Float64Array.from(values);

describe('points', () => {
  it('interleaves, with a gap where a value is missing', () => {
    expect([...interleave([1, 2, 3], [4, null, 6])]).toEqual([1, 4, 2, Number.NaN, 3, 6]);
  });

  it('finds the nearest finite point, and none far outside', () => {
    const curve = points(0, 1, 10, Number.NaN, 20, 3);
    expect(nearest(curve, 4)).toEqual({ x: 0, y: 1 });
    expect(nearest(curve, 19)).toEqual({ x: 20, y: 3 });
    expect(nearest(curve, 25)).toBeNull();
    expect(nearest(curve, 25, 10)).toEqual({ x: 20, y: 3 });
    expect(nearest(points(), 0)).toBeNull();
    expect(lastPoint(points(0, 1, 10, Number.NaN))).toEqual({ x: 0, y: 1 });
  });

  it('cuts out what is visible with one neighbour on each side', () => {
    const curve = points(0, 0, 1, 1, 2, 2, 3, 3, 4, 4);
    expect([...visible(curve, 1.5, 2.5)]).toEqual([1, 1, 2, 2, 3, 3]);
    expect([...visible(curve, -5, 50)]).toEqual([...curve]);
  });

  it('smooths without a bias at the start: a constant stays as it is', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (value, weight) => {
          const out = smooth(points(0, value, 1, value, 2, value), weight);
          for (const i of [1, 3, 5]) expect(out[i]).toBeCloseTo(value, 4);
        },
      ),
    );
    const gap = smooth(points(0, 1, 1, Number.NaN, 2, 3), 0.5);
    expect(gap[3]).toBeNaN();
    expect(gap[5]).toBeCloseTo((0.25 + 1.5) / 0.75, 12);
  });

  it('thins long curves and keeps ends, order, lowest and highest', () => {
    const value = fc.oneof(
      { weight: 9, arbitrary: fc.double({ min: -5, max: 5, noNaN: true }) },
      fc.constant(Number.NaN),
    );
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 400 }),
        fc.integer({ min: 4, max: 60 }),
        (values, most) => {
          const curve = interleave(values.keys().toArray(), values);
          const few = thin(curve, most);
          expect(few.length).toBeLessThanOrEqual(2 * most + 8);
          expect(extentY(few)).toEqual(extentY(curve));
          expect(few[0]).toBe(0);
          expect(few.at(-2)).toBe(values.length - 1);
          for (let i = 2; i < few.length; i += 2) expect(few[i]).toBeGreaterThan(few[i - 2]!);
        },
      ),
    );
  });

  it('gives the extent of what a logarithm can show', () => {
    expect(extentY(points(0, 0, 1, 5, 2, Number.NaN), true)).toEqual([5, 5]);
    expect(extentY(points(0, Number.NaN))).toBeNull();
  });
});

describe('scales', () => {
  it('takes steps of 1, 2 and 5', () => {
    expect(niceStep(8000, 4)).toBe(2000);
    expect(niceStep(1, 4)).toBeCloseTo(0.5, 12);
    expect(niceStep(0, 4)).toBe(1);
    expect(ticks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  });

  it('holds every value in its range', () => {
    const value = fc.double({ min: -1e9, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(value, value, (a, b) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        const { min, max } = niceRange(low, high);
        const slack = 1e-6 * Math.max(1, high - low, Math.abs(low), Math.abs(high));
        expect(min).toBeLessThanOrEqual(low + slack);
        expect(max).toBeGreaterThanOrEqual(high - slack);
        expect(max).toBeGreaterThan(min);
      }),
    );
    expect(logRange(0.02, 3)).toEqual({ min: 0.01, max: 10 });
  });

  it('lets an axis grow in steps, and keeps to a known end', () => {
    expect(growingEnd(100, 5000)).toBe(5000);
    expect(growingEnd(0, null)).toBe(1);
    const ends = Array.from({ length: 400 }, (_, i) => growingEnd(i + 1, null));
    expect(new Set(ends).size).toBeLessThan(40);
    ends.forEach((end, i) => expect(end).toBeGreaterThan(i + 1));
  });

  it('moves labels apart, keeps their order and stays inside', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 300, noNaN: true }), { minLength: 1, maxLength: 9 }), (wanted) => {
        const places = spread(wanted, 32, 0, 300);
        const sorted = places.toSorted((a, b) => a - b);
        sorted.forEach((place, i) => {
          expect(place).toBeGreaterThanOrEqual(16 - 1e-6);
          expect(place).toBeLessThanOrEqual(284 + 1e-6);
          if (i > 0) expect(place - sorted[i - 1]!).toBeGreaterThanOrEqual(32 - 1e-6);
        });
        for (let i = 0; i < wanted.length; i++) {
          for (let k = 0; k < wanted.length; k++)
            if (wanted[i]! < wanted[k]!) expect(places[i]).toBeLessThan(places[k]!);
        }
      }),
    );
    expect(spread([50, 200], 32, 0, 300)).toEqual([50, 200]);
  });
});

describe('chart option', () => {
  const palette: Palette = { series: ['#111', '#222'], text: '', quiet: '', line: '', grid: '', font: '' };
  const picture = (change: Partial<Picture> = {}): Picture => ({
    curves: [{ id: 'a', color: 0, points: points(0, 0.1, 10, 0.96) }],
    x: { label: 'Step', from: 0, to: 10 },
    y: { log: false, percent: true, from: 0, to: 1 },
    width: 600,
    height: 300,
    frame: { left: 50, right: 100, top: 10, bottom: 40 },
    ...change,
  });

  it('keeps to the ends a value cannot pass, whatever a band says', () => {
    const band = { low: points(0, -0.4, 10, 0.8), high: points(0, 0.3, 10, 1.2) };
    const range = rangeY(picture({ curves: [{ id: 'a', color: 0, points: points(0, 0.1, 10, 0.96), band }] }));
    expect(range).toMatchObject({ min: 0, max: 1 });
  });

  it('has ticks between whole numbers only where there is something', () => {
    const interval = (whole: boolean): number => {
      const x = { label: '', from: 0, to: 6, whole };
      return (chartOption(picture({ x, width: 1400 }), palette) as { xAxis: { interval: number } }).xAxis.interval;
    };
    expect(interval(false)).toBeLessThan(1);
    expect(interval(true)).toBe(1);
  });

  it('looks at the zoomed part only', () => {
    const curves = [{ id: 'a', color: 0, points: points(0, 100, 1, 1, 2, 1.1, 3, 1.2, 4, 1.1) }];
    expect(
      rangeY(picture({ curves, x: { label: '', from: 2, to: 3 }, y: { log: false, percent: false } })).max,
    ).toBeLessThan(2);
  });

  it('draws decades on a logarithmic axis and a frame without curves', () => {
    expect(rangeY(picture({ y: { log: true, percent: false } }))).toMatchObject({ min: 0.1, max: 1 });
    expect(rangeY(picture({ curves: [] }))).toMatchObject({ min: 0, max: 1 });
    const option = chartOption(picture(), palette) as { animation: boolean; series: { data: Float64Array }[] };
    expect(option.animation).toBe(false);
    expect(option.series[0]!.data).toBeInstanceOf(Float64Array);
  });

  it('hands on no more points than the screen can show', () => {
    const many = interleave(
      Array.from({ length: 100_000 }, (_, i) => i),
      new Float64Array(100_000),
    );
    const wide = picture({ curves: [{ id: 'a', color: 0, points: many }], x: { label: '', from: 0, to: 100_000 } });
    const option = chartOption(wide, palette) as { series: { data: Float64Array }[] };
    expect(option.series[0]!.data.length).toBeLessThan(2 * 2 * 600 + 16);
  });

  it('breaks a band at its gaps and lifts it onto a logarithm’s floor', () => {
    const low = points(0, -1, 1, 0.1, 2, Number.NaN, 3, 0.2, 4, 0.2);
    const high = points(0, 1, 1, 2, 2, Number.NaN, 3, 1, 4, 1);
    const parts = outlines(low, high, 0.01);
    expect(parts).toHaveLength(2);
    expect(parts[0]!.at(-1)).toEqual([0, 0.01]);
  });

  it('writes ticks with the decimals their distance needs', () => {
    expect(tickText(0.25, 0.05)).toBe('0.25');
    expect(tickText(20_000, 5000)).toBe('20\u202fk');
    expect(tickText(1_500_000, 500_000)).toBe('1.5\u202fM');
    expect(tickText(-0.5, 0.5)).toBe('−0.5');
    // the loss of a run that diverges
    expect(tickText(2.5e31, 5e30)).toBe('2.5×10³¹');
  });
});

describe('group of charts', () => {
  it('zooms around the pointer, never beyond the axis, and back', () => {
    const group = new ChartGroup();
    group.zoom(0.5, 20, [0, 100]);
    expect(group.range).toEqual([10, 60]);
    group.zoom(10, 20, [0, 100]);
    expect(group.range).toBeNull();
    group.select(80, 30);
    expect(group.range).toEqual([30, 80]);
    group.togglePin(40);
    expect(group.cursor).toBe(40);
    group.hover = 50;
    expect(group.cursor).toBe(50);
    group.reset();
    expect([group.range, group.cursor]).toEqual([null, null]);
  });
});

describe('numbers as CSV', () => {
  it('quotes names and leaves gaps empty', () => {
    const text = curvesCsv(
      [{ id: 'a', label: 'a, "b"', color: 0, points: points(0, 1, 1, Number.NaN) }],
      'Step',
      'Loss',
    );
    expect(text).toBe('curve,Step,Loss,low,high\n"a, ""b""",0,1,,\n"a, ""b""",1,,,\n');
  });
});
