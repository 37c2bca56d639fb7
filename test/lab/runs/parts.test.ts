import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Series } from '../../../lab/contract/records.ts';
import { newRunId } from '../../../lab/runs/id.ts';
import { RunProgress } from '../../../lab/runs/progress.ts';
import { sparkline, sparklineLength, Thinned } from '../../../lab/runs/sparkline.ts';
import { thinSeries } from '../../../lab/runs/thin.ts';

describe('thinning a curve', () => {
  const curve = fc.array(fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }), { freq: 20 }), {
    minLength: 1,
    maxLength: 3000,
  });

  it('keeps its ends and its extremes, in order, within the bound', () => {
    fc.assert(
      fc.property(curve, fc.integer({ min: 2, max: 400 }), (values, maxPoints) => {
        const series: Series = {
          name: 'train.loss',
          steps: values.map((_, i) => i + 1),
          values,
          seconds: values.map((_, i) => i / 10),
        };
        const thin = thinSeries(series, maxPoints);
        expect(thin.steps[0]).toBe(1);
        expect(thin.steps.at(-1)).toBe(values.length);
        expect(thin.steps).toEqual([...thin.steps].sort((a, b) => a - b));
        expect(new Set(thin.steps).size).toBe(thin.steps.length);
        thin.steps.forEach((step, i) => expect(thin.values[i]).toBe(values[step - 1]));
        const known = values.filter((value) => value !== null);
        if (known.length > 0) {
          expect(Math.max(...thin.values.filter((value) => value !== null))).toBe(Math.max(...known));
          expect(Math.min(...thin.values.filter((value) => value !== null))).toBe(Math.min(...known));
        }
        if (values.length > maxPoints) expect(thin.steps.length).toBeLessThanOrEqual(Math.max(6, 1.25 * maxPoints + 1));
        else expect(thin).toBe(series);
      }),
      { numRuns: 200 },
    );
  });
});

describe('sparklines', () => {
  it('have at most 32 values, the first and newest among them, however long the stream', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), (n) => {
        const stream = new Thinned();
        for (let i = 0; i < n; i++) stream.push(i);
        const line = stream.line();
        expect(line.length).toBeLessThanOrEqual(sparklineLength);
        expect(line[0]).toBe(0);
        expect(line.at(-1)).toBe(n - 1);
        expect(line).toEqual([...line].sort((a, b) => a - b));
      }),
      { numRuns: 100 },
    );
    expect(new Thinned().line()).toEqual([]);
    expect(sparkline([1, 2])).toEqual([1, 2]);
  });

  it('leave out what is not finite', () => {
    const stream = new Thinned();
    for (const value of [1, Number.NaN, Infinity, 2]) stream.push(value);
    expect(stream.line()).toEqual([1, 2]);
  });
});

describe('the metrics of a run', () => {
  it('are the same when they are rebuilt from its curves', () => {
    const live = new RunProgress();
    const steps = Array.from({ length: 250 }, (_, i) => i + 1);
    const loss = steps.map((step) => Math.fround(1 / step));
    const accuracy = steps.map((step) => Math.fround(1 - 1 / step));
    live.steps(loss, accuracy);
    for (const value of [0.5, 0.9, 0.7]) live.evaluation({ split: 'validation', loss: 1 - value, accuracy: value });
    live.evaluation({ split: 'test', loss: 0.2, accuracy: 0.8 });
    const curve = (name: Series['name'], values: number[]): Series => ({
      name,
      steps: values.map((_, i) => i + 1),
      values,
      seconds: values,
    });
    const again = RunProgress.from([
      curve('train.loss', loss),
      curve('train.accuracy', accuracy),
      curve('validation.loss', [0.5, 1 - 0.9, 1 - 0.7]),
      curve('validation.accuracy', [0.5, 0.9, 0.7]),
      curve('test.loss', [0.2]),
      curve('test.accuracy', [0.8]),
    ]);
    expect(again.metrics()).toEqual(live.metrics());
    expect(again.sparkline()).toEqual(live.sparkline());
    expect(live.metrics().bestValidationAccuracy).toBe(0.9);
    expect(live.metrics().trainLoss).toBeCloseTo(loss.slice(-100).reduce((a, b) => a + b) / 100);
  });
});

it('run ids do not repeat and look like none of a group', () => {
  const ids = new Set(Array.from({ length: 1000 }, newRunId));
  expect(ids.size).toBe(1000);
  for (const id of ids) expect(id).toMatch(/^r[0-9a-hjkmnp-tv-z]{9}$/);
});
