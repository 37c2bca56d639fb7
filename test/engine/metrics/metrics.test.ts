import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calibrationError } from '../../../engine/metrics/calibration.ts';
import { classificationMetrics } from '../../../engine/metrics/classification.ts';
import { rocAucOneVsRest } from '../../../engine/metrics/rocAuc.ts';

describe('classification', () => {
  // class 3 is neither a label nor a prediction
  const scores = [...[3, 1, 0, -9], ...[0, 2, 1, -9], ...[1, 0, 0.5, -9], ...[0, 0, 4, -9], ...[2, 2, 0, -9]];
  const labels = [0, 1, 1, 2, 1];
  const data = { scores, labels, classes: 4 };

  it('by hand', () => {
    const found = classificationMetrics(data, { topK: [1, 2, 3] });
    expect(found.accuracy).toBe(0.6);
    // the third sample's label comes third, the last one's second: a tie goes to the lower class
    expect(found.topK).toEqual([0.6, 0.8, 1]);
    expect([...found.confusion]).toEqual([1, 0, 0, 0, 2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    expect([...found.support]).toEqual([1, 3, 1, 0]);
    expect([...found.precision]).toEqual([1 / 3, 1, 1, 0]);
    expect([...found.recall]).toEqual([1, 1 / 3, 1, 0]);
    expect([...found.f1]).toEqual([0.5, 0.5, 1, 0]);
    expect(found).toMatchObject({ macroF1: 0.5, microPrecision: 0.6, microRecall: 0.6, weightedF1: 0.6 });
    expect(found.microF1).toBeCloseTo(0.6, 15);
    const losses = labels.map((label, i) => {
      const row = scores.slice(4 * i, 4 * i + 4);
      return Math.log(row.reduce((sum, each) => sum + Math.exp(each), 0)) - row[label]!;
    });
    expect(found.logLoss).toBeCloseTo(losses.reduce((a, b) => a + b) / 5, 14);
  });

  it('logits of any size give finite, right losses', () => {
    const found = classificationMetrics({ scores: [1e4, -1e4, -1e4, 1e4], labels: [0, 0], classes: 2 });
    expect(found).toMatchObject({ accuracy: 0.5, logLoss: 1e4, brier: 1, ece: 0.5 });
    expect(classificationMetrics({ scores: [], labels: [], classes: 2 }).accuracy).toBeNaN();
  });

  it('refuses what does not fit together', () => {
    expect(() => classificationMetrics({ ...data, labels: [0] })).toThrow('need 4 scores, not 20');
    expect(() => classificationMetrics({ ...data, labels: [0, 1, 1, 2, 4] })).toThrow('Label 4 is 4');
    expect(() => classificationMetrics({ scores: [], labels: [], classes: 0 })).toThrow('whole number from 1');
  });
});

describe('calibration', () => {
  it('compares confidence with accuracy in bins that are closed above', () => {
    expect(calibrationError([0.5, 0.5], [true, false], 10)).toBe(0);
    expect(calibrationError([1, 1], [true, false], 10)).toBe(0.5);
    // 0.2 belongs to the bin below, with 0.15; 0.21 to the next
    expect(calibrationError([0.2, 0.15, 0.21], [true, false, false], 10)).toBeCloseTo((0.65 + 0.21) / 3, 14);
    expect(calibrationError([], [], 10)).toBeNaN();
  });
});

describe('ROC', () => {
  it('is the share of pairs in order, ties counted half', () => {
    const sample = fc.record({ label: fc.integer({ min: 0, max: 2 }), score: fc.integer({ min: -3, max: 3 }) });
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 15 }), (samples) => {
        const scores = samples.flatMap(({ score }) => [score, -score, 0]);
        const { auc } = rocAucOneVsRest({ scores, labels: samples.map(({ label }) => label), classes: 3 });
        for (let c = 0; c < 3; c++) {
          const own = samples.flatMap(({ label }, i) => (label === c ? [scores[3 * i + c]!] : []));
          const others = samples.flatMap(({ label }, i) => (label === c ? [] : [scores[3 * i + c]!]));
          const pairs = own.flatMap((a) => others.map((b): number => (a > b ? 1 : a === b ? 0.5 : 0)));
          const expected = pairs.reduce((sum, each) => sum + each, 0) / pairs.length;
          if (pairs.length === 0) expect(auc[c]).toBeNaN();
          else expect(auc[c]).toBeCloseTo(expected, 14);
        }
      }),
    );
  });

  it('leaves undefined classes out of the mean', () => {
    const { auc, macro } = rocAucOneVsRest({ scores: [1, 0, 0, 0, 1, 0], labels: [0, 1], classes: 3 });
    expect([...auc]).toEqual([1, 1, NaN]);
    expect(macro).toBe(1);
    expect(rocAucOneVsRest({ scores: [1, NaN, 0, 1], labels: [0, 1], classes: 2 }).macro).toBeNaN();
  });
});
