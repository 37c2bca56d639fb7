import { describe, expect, it } from 'vitest';
import type { Backend } from '../../../engine/backend.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { spawnHelper } from '../../../engine/host/spawn.node.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { RangeCurve, rangeGrowth, suggestRate } from '../../../engine/train/lrRange.ts';
import { runLrRange, type LrRange } from '../../../engine/worker/jobs/lrRange.ts';
import type { TrainingJob } from '../../../engine/worker/protocol.ts';
import { curve, mlp, smallJob, tickingClock } from './jobs.ts';
import { train } from './drive.ts';

function sweep(training: TrainingJob, backend: Backend, changes: object = {}): Promise<LrRange> {
  const input = { training, lowest: 1e-4, highest: 100, steps: 60, smoothing: 0.8, divergence: 4, ...changes };
  return runLrRange(input, {
    backend: () => Promise.resolve(backend),
    spawn: spawnHelper,
    clock: tickingClock(),
    progress: () => undefined,
    turn: () => Promise.resolve(),
    cancelled: false,
  });
}

/** Plain descent: no momentum that would carry a step into the next. */
const plain = { kind: 'sgd', learningRate: 0.2, momentum: 0, dampening: 0, nesterov: false, weightDecay: 0 } as const;
const job = (changes: Partial<TrainingJob> = {}): TrainingJob => smallJob({ graph: mlp, optimizer: plain, ...changes });

describe('the curve', () => {
  it('smooths as Adam corrects its moments, and ends when the loss leaves all measure', () => {
    const range = new RangeCurve(0.5, 3);
    expect(range.add(1, 2)).toBe(true);
    expect(range.add(2, 1)).toBe(true);
    // (0.5 * 0.5 * 2 + 0.5 * 1) / (1 - 0.5²)
    expect(range.points[1]!.smoothed).toBeCloseTo(4 / 3, 12);
    expect(range.add(4, 40)).toBe(false);
    expect(new RangeCurve(0, 2).add(1, Number.NaN)).toBe(false);
  });

  it('grows by one factor from the lowest to the highest rate', () => {
    expect(1e-5 * rangeGrowth(1e-5, 10, 121) ** 120).toBeCloseTo(10, 9);
    expect(rangeGrowth(1, 10, 1)).toBe(1);
  });

  it('takes the slope over a stretch, so that batches that happen to be easy at rates that train nothing do not count', () => {
    const range = new RangeCurve(0.9, 4);
    const growth = rangeGrowth(1e-5, 10, 200);
    for (let i = 0; i < 200; i++) {
      const learningRate = 1e-5 * growth ** i;
      // three hard batches at low rates, whose weight in the average then falls; the network learns from 3e-3 on
      const hard = i >= 27 && i < 30 ? 0.9 : 0;
      const learnt = 0.5 / (1 + (1e-2 / learningRate) ** 2);
      range.add(learningRate, 2.4 + hard - learnt + 0.05 * Math.sin(37 * i));
    }
    const { steepest } = suggestRate(range.points);
    expect(steepest).toBeGreaterThan(3e-3);
    expect(steepest).toBeLessThan(1e-1);
  });

  /** A curve that falls by 1.5 around `middle` decades and rises again behind `end`. */
  const valley = (middle: number, end: number) =>
    Array.from({ length: 100 }, (_, i) => {
      const x = -5 + (i * 6) / 99;
      const loss = 2.3 - 1.5 / (1 + Math.exp(-8 * (x - middle))) + Math.exp(12 * (x - end));
      return { learningRate: 10 ** x, loss, smoothed: loss };
    });

  it('suggests the smaller of the steepest descent and a tenth of the least', () => {
    const steep = suggestRate(valley(-2, 0.5));
    expect(Math.log10(steep.steepest!)).toBeCloseTo(-2, 1);
    expect(steep.suggestion).toBe(steep.steepest);
    expect(steep.tenthOfLeast).toBeGreaterThan(steep.steepest!);
    expect(steep.reason).toContain('the steepest descent');
    const late = suggestRate(valley(-0.6, -0.2));
    expect(late.suggestion).toBe(late.tenthOfLeast);
    expect(late.reason).toContain('the tenth');
  });

  it('suggests nothing where the loss does not fall', () => {
    const flat = valley(50, 0.5);
    expect(suggestRate(flat)).toMatchObject({ suggestion: null, steepest: null, tenthOfLeast: null });
    expect(suggestRate(flat).reason).toContain('falls at no rate');
    // a first batch that is easy by luck is no fall
    expect(suggestRate([{ ...flat[0]!, smoothed: 1 }, ...flat.slice(1)]).suggestion).toBeNull();
    expect(suggestRate([]).suggestion).toBeNull();
    expect(suggestRate(flat.slice(0, 1)).suggestion).toBeNull();
  });
});

describe.each([referenceBackend, cpuBackend])('a sweep on $name', (backend) => {
  it('takes the batches and the weights of the run, at rates that grow', async () => {
    const training = job({ loss: { kind: 'mse' } });
    const found = await sweep(training, backend);
    const { points } = found;
    expect(points[0]!.learningRate).toBeCloseTo(1e-4, 9);
    for (const [i, { learningRate }] of points.slice(1).entries()) {
      expect(learningRate / points[i]!.learningRate).toBeCloseTo(rangeGrowth(1e-4, 100, 60), 3);
    }
    const first = await train({ ...training, length: { steps: 1 } }, backend);
    expect(points[0]!.loss).toBe(curve(first.events, 'loss')[0]);
    expect(found.end).toBe('diverged');
    expect(found.suggestion).toBeGreaterThan(0.005);
    expect(found.suggestion).toBeLessThan(2);
  });

  it('gives the same points again', async () => {
    expect(await sweep(job(), backend)).toEqual(await sweep(job(), backend));
  });

  it('ends at a loss without a value, and says so', async () => {
    // mean squares of outputs grow without bound and at once
    const found = await sweep(job({ loss: { kind: 'mse' } }), backend, { highest: 1e30, steps: 20, divergence: 1e300 });
    expect(found.end).toBe('nonFinite');
    expect(found.points.every(({ loss }) => Number.isFinite(loss))).toBe(true);
  });

  it('goes through to the highest rate where nothing diverges', async () => {
    const found = await sweep(job(), backend, { highest: 1e-3 });
    expect(found.end).toBe('complete');
    expect(found.points).toHaveLength(60);
    expect(found.points.at(-1)!.learningRate).toBeCloseTo(1e-3, 8);
  });
});

it('gives the same points with any number of threads', async () => {
  const one = await sweep(job({ threads: 1 }), cpuBackend);
  expect(await sweep(job({ threads: 3 }), cpuBackend)).toEqual(one);
});
