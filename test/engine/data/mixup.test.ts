import { describe, expect, it } from 'vitest';
import type { Executable } from '../../../engine/backend.ts';
import { cpuBackend, tunedCpuBackend } from '../../../engine/cpu/index.ts';
import type { AugmentationSettings } from '../../../engine/data/augment.ts';
import { BatchOrder } from '../../../engine/data/batches.ts';
import { fillPartners, Mixup, mixupAlpha } from '../../../engine/data/mixup.ts';
import { range } from '../../../engine/data/split.ts';
import { measureNames, wholeNetwork, type MeasureName } from '../../../engine/diagnostics/measures.ts';
import { defaultDiagnostics, measureGroups } from '../../../engine/diagnostics/settings.ts';
import { checkGraph } from '../../../engine/graph/check.ts';
import { lowerTraining } from '../../../engine/plan/lower.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { StepRunner } from '../../../engine/train/loop.ts';
import type { TrainingJob } from '../../../engine/worker/protocol.ts';
import { losses, lowered, lowerOptions } from '../models/lowered.ts';
import { mlp as lonely } from '../models/examples.ts';
import { all, cnn, curve, smallJob, stage } from '../train/jobs.ts';
import { train, type Outcome } from '../train/drive.ts';

const none: AugmentationSettings = { shift: 0, flip: 0, rotation: 0, scale: 0, brightness: 0, contrast: 0, cutout: 0 };

function lambdas(alpha: number, seed: number, steps: number): number[] {
  const mixup = new Mixup(alpha, seed);
  return Array.from({ length: steps }, (_, step) => {
    mixup.fill(step);
    return mixup.weight[0]!;
  });
}

describe('lambda', () => {
  it.each([0.05, 0.2, 0.4, 1, 3, 40])('has the moments of Beta(%f, alpha)', (alpha) => {
    const steps = 40_000;
    const drawn = lambdas(alpha, 5, steps);
    expect(drawn.every((value) => value >= 0 && value <= 1)).toBe(true);
    const variance = 1 / (4 * (2 * alpha + 1));
    const mean = drawn.reduce((sum, value) => sum + value, 0) / steps;
    // five standard errors
    expect(Math.abs(mean - 0.5)).toBeLessThan(5 * Math.sqrt(variance / steps));
    const squares = drawn.map((value) => (value - 0.5) ** 2);
    const seen = squares.reduce((sum, value) => sum + value, 0) / steps;
    // the fourth central moment of Beta(a, a) is 3 variance^2 (2a + 1) / (2a + 3)
    const fourth = (3 * variance ** 2 * (2 * alpha + 1)) / (2 * alpha + 3);
    expect(Math.abs(seen - variance)).toBeLessThan(5 * Math.sqrt((fourth - variance ** 2) / steps));
  });

  it('at alpha 1 is uniform', () => {
    const sorted = lambdas(1, 9, 20_000).sort((a, b) => a - b);
    // Kolmogorov and Smirnov's distance; above 1.95 / sqrt(n) in one of a thousand samples
    const distance = Math.max(...sorted.map((value, i) => Math.abs(value - (i + 0.5) / 20_000)));
    expect(distance).toBeLessThan(1.95 / Math.sqrt(20_000));
  });

  it('follows from seed and step alone', () => {
    const drawn = lambdas(0.3, 2 ** 40 + 1, 50);
    const backwards = new Mixup(0.3, 2 ** 40 + 1);
    for (let step = 49; step >= 0; step--) {
      backwards.fill(step);
      expect(backwards.weight[0]).toBe(drawn[step]);
    }
    expect(lambdas(0.3, 1, 50)).not.toEqual(drawn);
    expect(new Set(drawn).size).toBeGreaterThan(45);
  });

  it('has an alpha that grows with the strength of the stage', () => {
    expect(mixupAlpha({ ...none, mixup: 0.4 }, 0.5)).toBe(0.2);
    expect(mixupAlpha({ ...none, mixup: 0.4 }, 0)).toBe(0);
    expect(mixupAlpha(none, 1)).toBe(0);
    expect(mixupAlpha(null, 1)).toBe(0);
  });
});

it('the partner of an image is the next one of its part', () => {
  const partners = new Int32Array(6);
  fillPartners(Int32Array.of(40, 41, 42, 43, 44, 45), 3, partners);
  expect([...partners]).toEqual([41, 42, 40, 44, 45, 43]);
});

it.each([1, 2])(
  'each of %i parts of a step is given its images, their partners and the lambda of the step',
  (parts) => {
    const plan = lowered(lonely, { batchSize: 8, accumulate: parts, mixed: true });
    const { trainIndices, mixing } = plan.handles;
    const given = new Map<number, number[]>();
    const runs: { images: number[]; partners: number[]; weight: number }[] = [];
    const executable = {
      write: (tensor: number, values: Int32Array | Float32Array) => given.set(tensor, [...values]),
      run: (segment: string) => {
        if (segment !== 'train') return;
        const [images, partners] = [given.get(trainIndices)!, given.get(mixing!.partners)!];
        runs.push({ images, partners, weight: given.get(mixing!.weight)![0]! });
      },
    } as unknown as Executable;
    const runner = new StepRunner(executable, plan, new BatchOrder(range(40), 8, 5), {
      optimizer: smallJob().optimizer,
      schedule: { kind: 'constant' },
      seed: 5,
      totalSteps: 5,
      mixup: new Mixup(0.7, 5),
    });
    for (let step = 0; step < 5; step++) runner.run(step);
    const drawn = lambdas(0.7, 5, 5);
    expect(runs.map(({ weight }) => weight)).toEqual(
      drawn.flatMap((weight) => Array.from({ length: parts }, () => weight)),
    );
    for (const { images, partners } of runs) expect(partners).toEqual([...images.slice(1), images[0]]);
    expect(new Set(runs.flatMap(({ images }) => images)).size).toBe(40);
  },
);

/** Logits of one dense layer on pixels, from the plain numbers. */
const images = [
  [0, 10, 20],
  [30, 0, 5],
  [7, 90, 11],
  [60, 61, 0],
];
const labels = [2, 0, 1, 0];
const weights = [
  [0.02, -0.01, 0.03],
  [-0.04, 0.01, 0.02],
  [0.01, 0.03, -0.02],
];
const lambda = 0.3;

const softmaxOf = (row: readonly number[]): number[] => {
  const logits = weights.map((weight) => weight.reduce((sum, value, i) => sum + value * row[i]!, 0));
  const total = logits.reduce((sum, value) => sum + Math.exp(value), 0);
  return logits.map((value) => Math.exp(value) / total);
};

describe.each([referenceBackend, cpuBackend])('a mixed step on $name', (backend) => {
  it.each([1, 2])('of %i parts has the loss, the hits and the gradient of the formula', async (parts) => {
    const graph = {
      nodes: [
        { id: 'image', layer: 'input' as const },
        { id: 'flat', layer: 'flatten' as const },
        { id: 'out', layer: 'dense' as const, props: { units: 3, bias: false } },
      ],
    };
    const [shape, rate] = [[1, 1, 3], 0.5];
    const plan = lowerTraining(checkGraph(graph, { inputShape: shape, classes: 3 }), {
      ...lowerOptions,
      batchSize: 4,
      accumulate: parts,
      inputShape: shape,
      trainImages: 4,
      mixed: true,
    });
    const { handles } = plan;
    const executable = await backend.compile(plan);
    executable.write(handles.trainPixels, Uint8Array.from(images.flat()));
    executable.write(handles.trainLabels, Uint8Array.from(labels));
    executable.write(handles.offset, Float32Array.of(0));
    executable.write(handles.scale, Float32Array.of(1));
    executable.write(handles.parameters[0]!, Float32Array.from(weights.flat()));
    executable.write(handles.hyper, Float32Array.of(rate, 1, 1, 1));
    executable.write(handles.mixing!.weight, Float32Array.of(lambda));
    executable.write(handles.random, Int32Array.of(0, 0, 0));
    const size = 4 / parts;
    const partner = (n: number): number => Math.floor(n / size) * size + ((n + 1) % size);
    for (let first = 0; first < 4; first += size) {
      const own = Array.from({ length: size }, (_, i) => first + i);
      executable.write(handles.trainIndices, Int32Array.from(own));
      executable.write(handles.mixing!.partners, Int32Array.from(own, partner));
      executable.run('train');
    }
    if (parts > 1) executable.run('update');
    const history = new Float32Array(2 * handles.historySlots);
    const after = new Float32Array(9);
    await executable.read(handles.history, history);
    await executable.read(handles.parameters[0]!, after);
    await executable.dispose();

    let [loss, hits] = [0, 0];
    const moved = weights.map((row) => [...row]);
    for (let n = 0; n < 4; n++) {
      const [own, other] = [labels[n]!, labels[partner(n)]!];
      const x = images[n]!.map((value, i) => lambda * value + (1 - lambda) * images[partner(n)]![i]!);
      const p = softmaxOf(x);
      loss -= (lambda * Math.log(p[own]!) + (1 - lambda) * Math.log(p[other]!)) / 4;
      const first = p.indexOf(Math.max(...p));
      hits += (first === own ? lambda : 0) + (first === other ? 1 - lambda : 0);
      p.forEach((value, k) => {
        const target = (k === own ? lambda : 0) + (k === other ? 1 - lambda : 0);
        x.forEach((pixel, i) => (moved[k]![i]! -= (rate * (value - target) * pixel) / 4));
      });
    }
    expect(history[0]).toBeCloseTo(loss, 5);
    expect(history[1]).toBeCloseTo(hits, 5);
    moved.flat().forEach((value, i) => expect(after[i]).toBeCloseTo(value, 4));
  });
});

it('every loss is mixed', () => {
  for (const loss of Object.values(losses)) {
    const plan = lowered(lonely, { loss, mixed: true });
    const ops = plan.segments.find(({ name }) => name === 'train')!.ops.map(({ op }) => op);
    // the images; loss, gradient and hits
    expect(ops.filter((op) => op === 'mixRows')).toHaveLength(4);
    const evaluation = plan.segments.filter(({ name }) => name.startsWith('evaluate'));
    expect(evaluation.flatMap((segment) => segment.ops).some(({ op }) => op === 'mixRows')).toBe(false);
  }
});

it('a batch or part of one image is refused', () => {
  expect(() => lowered(lonely, { batchSize: 1, mixed: true })).toThrow(/mixup .* a batch of 1 has no other/);
  expect(() => lowered(lonely, { batchSize: 4, accumulate: 4, mixed: true })).toThrow(/a part of a batch with 1 image/);
});

describe('training with mixup', () => {
  const job = (changes: Partial<TrainingJob> = {}, augmentation: Partial<AugmentationSettings> = {}): TrainingJob =>
    smallJob(
      { graph: cnn, length: { steps: 12 }, ...changes },
      { augmentation: { ...none, mixup: 0.4, ...augmentation } },
    );

  it.each([1, 2])('gives the same on 1, 2 and 3 threads and after a resume, in %i parts', async (accumulate) => {
    const changes = { accumulate };
    const one = await train(job(changes, { shift: 1, flip: 0.5 }), cpuBackend);
    // even work this small is shared
    const sharing = tunedCpuBackend({ worthSharing: 0 });
    for (const threads of [1, 2, 3]) {
      expect((await train(job(changes, { shift: 1, flip: 0.5 }), sharing, { threads })).hash).toBe(one.hash);
    }
    const begun = await train(job(changes, { shift: 1, flip: 0.5 }), cpuBackend, { stopAt: 7 });
    const resumeFrom = all(begun.events, 'checkpoint').at(-1)!.bytes;
    const resumed = await train(job({ ...changes, resumeFrom }, { shift: 1, flip: 0.5 }), cpuBackend);
    expect(resumed.hash).toBe(one.hash);
    const slow = await train(job(changes, { shift: 1, flip: 0.5 }), referenceBackend);
    curve(slow.events, 'loss').forEach((loss, i) => expect(loss).toBeCloseTo(curve(one.events, 'loss')[i]!, 4));
    const accuracy = curve(one.events, 'accuracy');
    expect(accuracy.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(accuracy.some((value) => !Number.isInteger(Math.round(value * 8 * 1e4) / 1e4))).toBe(true);
  });

  it('goes with whitening, resizing in stages and an alpha of each stage', async () => {
    const stages = [
      stage({ length: { steps: 4 }, imageSize: [4, 4], augmentationStrength: 2 }),
      stage({ length: { steps: 5 }, augmentationStrength: 0.5 }),
    ];
    const changed = (preprocessing: 'zcaWhitening' | 'standardise'): TrainingJob =>
      smallJob({ graph: cnn, stages }, { preprocessing, augmentation: { ...none, mixup: 0.4 } });
    for (const kind of ['zcaWhitening', 'standardise'] as const) {
      const fast = await train(changed(kind), cpuBackend, { threads: 2 });
      const slow = await train(changed(kind), referenceBackend);
      curve(slow.events, 'loss').forEach((loss, i) => expect(loss).toBeCloseTo(curve(fast.events, 'loss')[i]!, 3));
    }
  });

  it('mixes training images only', async () => {
    const still = { ...smallJob().optimizer, learningRate: 1e-30, weightDecay: 0 };
    const changes = { length: { steps: 12 }, optimizer: still };
    const without = await train(smallJob(changes), cpuBackend);
    const mixed = await train(smallJob(changes, { augmentation: { ...none, mixup: 1 } }), cpuBackend);
    expect(curve(mixed.events, 'loss')).not.toEqual(curve(without.events, 'loss'));
    const evaluations = (outcome: typeof without): number[] =>
      all(outcome.events, 'evaluation').map(({ loss }) => loss);
    expect(evaluations(mixed)).toEqual(evaluations(without));
  });

  it('with alpha or strength 0 is training without it, bit for bit, and fits its checkpoints', async () => {
    const plain = await train(smallJob({ graph: cnn, length: { steps: 9 } }), cpuBackend);
    expect((await train(job({ length: { steps: 9 } }, { mixup: 0 }), cpuBackend)).hash).toBe(plain.hash);
    const weak = job({ stages: [stage({ length: { steps: 9 }, augmentationStrength: 0 })] });
    expect((await train(weak, cpuBackend)).hash).toBe(plain.hash);
    expect((await train(job({ length: { steps: 9 } }), cpuBackend)).hash).not.toBe(plain.hash);
    // a checkpoint from before the field was there
    const old = smallJob({ graph: cnn, length: { steps: 12 } }, { augmentation: { ...none, shift: 1 } });
    const begun = await train(old, cpuBackend, { stopAt: 5 });
    const resumeFrom = all(begun.events, 'checkpoint').at(-1)!.bytes;
    const resumed = await train(job({ resumeFrom }, { mixup: 0, shift: 1 }), cpuBackend);
    expect(resumed.hash).toBe((await train(old, cpuBackend)).hash);
    await expect(train(job({ resumeFrom }, { mixup: 0.1, shift: 1 }), cpuBackend)).rejects.toThrow(
      /another preparation/,
    );
  });

  it('is not changed by being watched, and has a noise scale', async () => {
    const diagnostics = { ...defaultDiagnostics, every: 1, deepEvery: 1, measures: measureGroups };
    const plain = await train(job(), cpuBackend);
    const watched = await train(job({ diagnostics }), cpuBackend);
    expect(watched.hash).toBe(plain.hash);
    // the first step begins with the same weights: what is measured on plain images is the same without mixup
    const unmixed = await train(job({ diagnostics }, { mixup: 0 }), cpuBackend);
    const first = (outcome: Outcome, layer: string, name: MeasureName): number =>
      all(outcome.events, 'probe')[0]!.layers.find((each) => each.layer === layer)!.values[measureNames.indexOf(name)]!;
    const norm = first(watched, wholeNetwork, 'gradientNorm');
    expect(norm).toBeGreaterThan(0);
    expect(norm).toBe(first(unmixed, wholeNetwork, 'gradientNorm'));
    expect(first(watched, wholeNetwork, 'noiseScale')).toBe(first(unmixed, wholeNetwork, 'noiseScale'));
    for (const name of ['std', 'gradientNorm'] as const) {
      expect(first(watched, 'conv', name)).toBeGreaterThan(0);
      expect(first(watched, 'conv', name)).not.toBe(first(unmixed, 'conv', name));
    }
  });
});
