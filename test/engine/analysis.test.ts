import { beforeAll, describe, expect, it } from 'vitest';
import { analyseClassification } from '../../engine/analysis/classification.ts';
import { analyseLandscape, filterDirection } from '../../engine/analysis/landscape.ts';
import { analyseNoiseScale } from '../../engine/analysis/noiseScale.ts';
import { analysed } from '../../engine/analysis/network.ts';
import { analysePredictiveness } from '../../engine/analysis/predictiveness.ts';
import type { Backend } from '../../engine/backend.ts';
import { cpuBackend } from '../../engine/cpu/index.ts';
import { l2Norm } from '../../engine/diagnostics/gradientNorm.ts';
import { calibrationError } from '../../engine/metrics/calibration.ts';
import { runLrRange } from '../../engine/worker/jobs/lrRange.ts';
import { runRecalibrate } from '../../engine/worker/jobs/recalibrate.ts';
import { runTiming } from '../../engine/worker/jobs/timing.ts';
import type { JobContext } from '../../engine/worker/jobs/job.ts';
import type { TrainingJob } from '../../engine/worker/protocol.ts';
import { all, cnn, smallJob, stripes } from './train/jobs.ts';
import { train, type Outcome } from './train/drive.ts';

const context = (cancelAfter = Infinity): JobContext => {
  let turns = 0;
  return {
    backend: () => Promise.resolve(cpuBackend),
    clock: () => 0,
    progress: () => undefined,
    turn: () => {
      turns++;
      return Promise.resolve();
    },
    get cancelled() {
      return turns >= cancelAfter;
    },
  };
};

describe('analyses of a checkpoint', () => {
  let outcome: Outcome;
  let job: TrainingJob;
  beforeAll(async () => {
    // dropout would make the training loss at the same weights a random number of the step
    const graph = { nodes: cnn.nodes.filter(({ id }) => id !== 'drop') };
    const base = smallJob({ graph, length: { steps: 12 } });
    outcome = await train(base, cpuBackend);
    job = { ...base, resumeFrom: all(outcome.events, 'checkpoint').findLast(({ role }) => role === 'last')!.bytes };
  });

  it('classification: says what the run said of its test images, and sorts its errors', async () => {
    const found = await analyseClassification(job, 5, context());
    const test = all(outcome.events, 'evaluation').find(({ split }) => split === 'test')!;
    expect(found.step).toBe(12);
    expect(found.images).toBe(31);
    expect(found.accuracy).toBeCloseTo(test.accuracy, 6);
    expect(found.logLoss).toBeCloseTo(test.loss, 5);
    expect(found.confusion.flat().reduce((sum, count) => sum + count, 0)).toBe(31);
    expect(found.confusion.reduce((sum, row, c) => sum + row[c]!, 0) / 31).toBeCloseTo(found.accuracy, 12);
    expect(found.bins.reduce((sum, { count }) => sum + count, 0)).toBe(31);
    const ece = found.bins.reduce((sum, bin) => sum + (bin.count / 31) * Math.abs(bin.accuracy - bin.confidence), 0);
    expect(ece).toBeCloseTo(found.ece, 12);
    expect(calibrationError([1, 1], [true, false], 15)).toBe(0.5);
    const sure = found.wrong.map(({ confidence }) => confidence);
    expect(sure).toEqual([...sure].sort((a, b) => b - a));
    for (const { image, label, prediction } of found.wrong) {
      expect(job.data.test.labels[image]).toBe(label);
      expect(prediction).not.toBe(label);
    }
  });

  it('landscape: the middle is the loss at the weights, the same seed gives the same slice', async () => {
    const options = { points: 5, dimensions: 1, span: 0.5, images: 40, seed: 3 } as const;
    const line = await analyseLandscape(job, options, context());
    expect(line.offsets).toEqual([-0.5, -0.25, 0, 0.25, 0.5]);
    expect(await analyseLandscape(job, options, context())).toEqual(line);
    expect((await analyseLandscape(job, { ...options, seed: 4 }, context())).loss).not.toEqual(line.loss);
    const plane = await analyseLandscape(job, { ...options, points: 3, dimensions: 2 }, context());
    expect(plane.loss).toHaveLength(3);
    // the middle row of the plane is the line
    [0, 2, 4].forEach((at, i) => expect(plane.loss[1]![i]).toBeCloseTo(line.loss[0]![at]!, 6));
  });

  it('gradients are those of images as they are, whatever the run has done with them', async () => {
    const none = { shift: 0, flip: 0, rotation: 0, scale: 0, brightness: 0, contrast: 0, cutout: 0 };
    const plain = await analyseNoiseScale(job, 6, context());
    for (const changes of [{ mixup: 0.4 }, { shift: 2, flip: 0.5 }]) {
      const changed = { ...job, data: { ...job.data, augmentation: { ...none, ...changes } } };
      expect(await analyseNoiseScale(changed, 6, context())).toEqual(plain);
    }
  });

  it('directions are as long as the weights, filter by filter, and leave biases alone', () => {
    const weight = { shape: [3, 2, 2], values: Float32Array.from({ length: 12 }, (_, i) => i - 4) };
    const [direction, bias] = filterDirection([weight, { shape: [3], values: new Float32Array(3) }], 1, 0);
    for (const at of [0, 4, 8]) {
      expect(l2Norm(direction!.subarray(at, at + 4))).toBeCloseTo(l2Norm(weight.values.subarray(at, at + 4)), 9);
    }
    expect([...bias!]).toEqual([0, 0, 0]);
  });

  it('predictiveness: a short step lowers the loss by its length times the squared gradient', async () => {
    const rates = [1e-3, 0.3];
    const { batches } = await analysePredictiveness(job, { rates, batches: 2 }, context());
    expect(batches).toHaveLength(2);
    for (const { loss, gradientNorm, lossAfter, gradientChange } of batches) {
      const expected = -1e-3 * gradientNorm ** 2;
      expect(Math.abs(lossAfter[0]! - loss - expected)).toBeLessThan(0.1 * Math.abs(expected) + 1e-6);
      expect(gradientChange[0]!).toBeLessThan(0.1);
      expect(gradientChange[1]!).toBeGreaterThan(gradientChange[0]!);
    }
  });

  it('noise scale: no noise where all images are the same', async () => {
    const one = stripes(1, [1, 6, 5], 3);
    const pixels = new Uint8Array(90 * 30);
    for (let n = 0; n < 90; n++) pixels.set(one.pixels, n * 30);
    const same = { pixels, labels: new Uint8Array(90).fill(one.labels[0]!), count: 90 };
    const base = smallJob({}, { train: same, preprocessing: 'unit' });
    const quiet = await analyseNoiseScale(base, 4, context());
    expect(quiet.signal).toBeGreaterThan(0);
    expect(Math.abs(quiet.variance)).toBeLessThan(1e-6 * quiet.signal);
    const noisy = await analyseNoiseScale(job, 8, context());
    expect(noisy.variance).toBeGreaterThan(0);
    expect(noisy.batches).toBe(8);
  });

  it.each(['pcaWhitening', 'zcaWhitening'] as const)(
    'sees the images of a run with %s as the run does, at the size of its stage',
    async (preprocessing) => {
      const stage = { length: { steps: 12 }, batchSize: 8, learningRateFactor: 1, augmentationStrength: 1 };
      const stages = [{ ...stage, imageSize: [5, 4] as const, frozen: [], frozenBatchNorm: 'running' as const }];
      const base = smallJob({ graph: job.graph, stages }, { preprocessing });
      const { events } = await train(base, cpuBackend);
      const resumeFrom = all(events, 'checkpoint').findLast(({ role }) => role === 'last')!.bytes;
      const found = await analyseClassification({ ...base, resumeFrom }, 5, context());
      const evaluations = all(events, 'evaluation');
      const test = evaluations.find(({ split }) => split === 'test')!;
      expect(found.accuracy).toBeCloseTo(test.accuracy, 6);
      expect(found.logLoss).toBeCloseTo(test.loss, 5);
      const net = await analysed({ ...base, resumeFrom }, context());
      const validation = evaluations.findLast(({ split }) => split === 'validation')!;
      expect(await net.loss(net.prepared.validationImages)).toBeCloseTo(validation.loss, 5);
      await net.executable.dispose();
    },
  );

  it('takes a batch in the parts that the run takes it in: the mean of their gradients', async () => {
    const base = smallJob();
    const whole = await analysed(base, context());
    const { loss, gradients } = await whole.gradient(2);
    await whole.executable.dispose();
    const divided = await analysed({ ...base, accumulate: 4 }, context());
    for (let time = 0; time < 2; time++) {
      const found = await divided.gradient(2);
      expect(found.loss).toBeCloseTo(loss, 5);
      found.gradients.forEach((gradient, p) => {
        gradient.forEach((value, i) => expect(value).toBeCloseTo(gradients[p]![i]!, 5));
      });
    }
    await divided.executable.dispose();
    const [one, four] = [base, { ...base, accumulate: 4 }].map((each) => analyseNoiseScale(each, 5, context()));
    expect((await four!).signal).toBeCloseTo((await one!).signal, 5);
  });

  it('computes as the run does: with its precision', async () => {
    const asked: unknown[] = [];
    const compile: Backend['compile'] = (plan, options) => {
      asked.push(options?.precision);
      return cpuBackend.compile(plan, options);
    };
    const watched = { ...context(), backend: () => Promise.resolve({ ...cpuBackend, compile }) };
    const { events } = await train({ ...job, resumeFrom: null, precision: 'exact' }, cpuBackend);
    const resumeFrom = all(events, 'checkpoint').findLast(({ role }) => role === 'last')!.bytes;
    const exact = { ...job, precision: 'exact' as const, resumeFrom };
    await analyseClassification(exact, 1, watched);
    await runRecalibrate({ training: exact, batches: 1 }, watched);
    const range = { lowest: 1e-4, highest: 1, steps: 3, smoothing: 0.9, divergence: 4 };
    await runLrRange({ training: { ...exact, resumeFrom: null }, ...range }, watched);
    await runTiming({ training: { ...exact, resumeFrom: null }, milliseconds: 0 }, watched);
    expect(new Set(asked)).toEqual(new Set(['exact']));
  });

  it('ends soon when nobody wants it any more', async () => {
    const options = { points: 101, dimensions: 2, span: 1, images: 40, seed: 1 } as const;
    const { loss } = await analyseLandscape(job, options, context(3));
    expect(loss.flat()).toHaveLength(3);
  });
});
