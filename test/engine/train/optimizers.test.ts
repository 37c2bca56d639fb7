import { describe, expect, it } from 'vitest';
import { hyperSize, hyperSlot } from '../../../engine/ops/op.ts';
import { fillHyper, initialState, optimizerState } from '../../../engine/train/optimizers.ts';
import type { OptimizerSettings } from '../../../engine/train/settings.ts';
import { optimizers } from '../models/lowered.ts';

function hyper(settings: OptimizerSettings, rate: number, step: number): Float32Array {
  const values = new Float32Array(hyperSize);
  fillHyper(settings, rate, step, values);
  return values;
}

describe('the scalars of a step', () => {
  it('hold the rate as it is, which Adagrad lets fall', () => {
    for (const settings of Object.values(optimizers)) {
      const expected = settings.kind === 'adagrad' ? 0.5 / (1 + 7 * settings.learningRateDecay) : 0.5;
      expect(hyper(settings, 0.5, 7)[hyperSlot.learningRate]).toBe(Math.fround(expected));
    }
  });

  it('correct Adam for beginning at 0, unless told not to', () => {
    const adam = optimizers['adam'] as Extract<OptimizerSettings, { kind: 'adam' }>;
    expect(hyper(adam, 1, 0)[hyperSlot.correction1]).toBeCloseTo(10, 5);
    expect(hyper(adam, 1, 2)[hyperSlot.correction2]).toBeCloseTo(1 / (1 - 0.999 ** 3), 3);
    expect([...hyper({ ...adam, biasCorrection: false }, 1, 0)].slice(2)).toEqual([1, 1]);
    expect(hyper({ ...adam, biasCorrection: true }, 1, 5)).toEqual(hyper(adam, 1, 5));
  });

  it.each([0.5, 0.9, 0.999])('give NAdam its products with beta1 = %f, at any step', (beta1) => {
    const nadam: OptimizerSettings = {
      ...{ kind: 'nadam', learningRate: 1, weightDecay: 0, beta1, beta2: 0.99, eps: 1e-8, momentumDecay: 0.004 },
    };
    const mu = (t: number): number => beta1 * (1 - 0.5 * 0.96 ** (t * 0.004));
    let product = 1;
    for (let step = 0; step < 3000; step++) {
      product *= mu(step + 1);
      if (step > 20 && step % 97 !== 0) continue;
      const values = hyper(nadam, 1, step);
      const parts = [(1 - mu(step + 1)) / (1 - product), mu(step + 2) / (1 - product * mu(step + 2))];
      expect(values[hyperSlot.gradientPart]! / parts[0]!).toBeCloseTo(1, 6);
      expect(values[hyperSlot.correction1]! / parts[1]!).toBeCloseTo(1, 6);
    }
    // far into a run, where all factors have been multiplied long ago, a step still takes no time
    expect(hyper(nadam, 1, 1e9).every(Number.isFinite)).toBe(true);
  });
});

describe('the state of an optimiser', () => {
  it('is named by what it holds', () => {
    const names = Object.fromEntries(Object.entries(optimizers).map(([name, each]) => [name, optimizerState(each)]));
    expect(names).toMatchObject({
      sgd: [],
      nesterov: ['velocity'],
      rmsprop: ['square'],
      rmspropBoth: ['square', 'average', 'velocity'],
      adagrad: ['squareSum'],
      adamax: ['firstMoment', 'infinityNorm'],
      nadam: ['firstMoment', 'secondMoment'],
    });
  });

  it('begins at 0, but for Adagrad as its settings say', () => {
    const starts = Object.entries(optimizers).filter(([, settings]) => initialState(settings) !== 0);
    expect(starts.map(([name]) => name)).toEqual(['adagrad']);
  });
});
