import { describe, expect, it } from 'vitest';
import { Augmentation, augments, type AugmentationSettings } from '../../../engine/data/augment.ts';
import { BatchOrder } from '../../../engine/data/batches.ts';
import { range } from '../../../engine/data/split.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { augmentationSize, augmentationSlot } from '../../../engine/ops/op.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import type { StageSettings } from '../../../engine/train/stages.ts';
import type { TrainingJob } from '../../../engine/worker/protocol.ts';
import { all, cnn, curve, smallJob } from '../train/jobs.ts';
import { train } from '../train/drive.ts';

const none: AugmentationSettings = { shift: 0, flip: 0, rotation: 0, scale: 0, brightness: 0, contrast: 0, cutout: 0 };
const everything: AugmentationSettings = {
  shift: 2,
  flip: 0.5,
  rotation: 15,
  scale: 0.2,
  brightness: 0.2,
  contrast: 0.3,
  cutout: 0.3,
};

/** The rows of each image in an epoch, by image. */
function epoch(
  settings: AugmentationSettings,
  batchSize: number,
  number: number,
  strength = 1,
  seed = 7,
): Map<number, number[]> {
  const images = range(600);
  const order = new BatchOrder(images, batchSize, seed);
  const drawn = new Augmentation(settings, strength, [1, 28, 20], seed, batchSize);
  const indices = new Int32Array(batchSize);
  const rows = new Map<number, number[]>();
  for (let step = number * order.stepsPerEpoch; step < (number + 1) * order.stepsPerEpoch; step++) {
    order.fill(step, indices);
    drawn.fill(order, step, indices);
    indices.forEach((image, n) =>
      rows.set(image, [...drawn.values.subarray(n * augmentationSize, (n + 1) * augmentationSize)]),
    );
  }
  return rows;
}

const column = (rows: Map<number, number[]>, slot: keyof typeof augmentationSlot): number[] =>
  [...rows.values()].map((row) => row[augmentationSlot[slot]]!);

describe('the draws of an augmentation', () => {
  it('follow from seed, epoch and image, and from nothing else', () => {
    const rows = epoch(everything, 6, 3);
    expect(rows.size).toBe(600);
    const other = epoch(everything, 100, 3);
    for (const [image, row] of rows) expect(other.get(image)).toEqual(row);
    expect([...epoch(everything, 6, 4).get(5)!]).not.toEqual(rows.get(5));
    expect([...epoch(everything, 6, 3, 1, 8).get(5)!]).not.toEqual(rows.get(5));
  });

  it('of one kind are not moved by another', () => {
    const shifts = epoch({ ...none, shift: 3 }, 6, 0);
    const both = epoch({ ...none, shift: 3, brightness: 0.4, cutout: 0.5 }, 6, 0);
    for (const slot of ['y0', 'x0'] as const) expect(column(both, slot)).toEqual(column(shifts, slot));
  });

  it('have the stated ranges, and fill them evenly', () => {
    const rows = epoch({ ...none, shift: 2, flip: 0.25, brightness: 0.1 }, 6, 0);
    const mirrored = column(rows, 'xx').filter((value) => value === -1).length;
    expect(mirrored / 600).toBeGreaterThan(0.19);
    expect(mirrored / 600).toBeLessThan(0.31);
    const down = column(rows, 'y0');
    for (const shift of [-2, -1, 0, 1, 2]) {
      const share = down.filter((value) => value === shift).length / 600;
      expect(share).toBeGreaterThan(0.15);
      expect(share).toBeLessThan(0.25);
    }
    const bias = column(rows, 'bias');
    expect(Math.max(...bias.map(Math.abs))).toBeLessThanOrEqual(25.5001);
    expect(Math.abs(bias.reduce((sum, value) => sum + value, 0) / 600)).toBeLessThan(2);
    const gains = column(epoch({ ...none, contrast: 0.5 }, 6, 0), 'gain');
    expect(Math.max(...gains)).toBeLessThanOrEqual(1.5001);
    expect(Math.min(...gains)).toBeGreaterThanOrEqual(1 / 1.5001);
  });

  it('turn and scale about the centre', () => {
    for (const row of epoch({ ...none, rotation: 40, scale: 0.3 }, 6, 0).values()) {
      const of = (slot: keyof typeof augmentationSlot): number => row[augmentationSlot[slot]]!;
      expect(of('yy') * 13.5 + of('yx') * 9.5 + of('y0')).toBeCloseTo(13.5, 4);
      expect(of('xy') * 13.5 + of('xx') * 9.5 + of('x0')).toBeCloseTo(9.5, 4);
      const zoom = Math.hypot(of('yy'), of('xy'));
      expect(zoom).toBeLessThanOrEqual(1.3001);
      expect(zoom).toBeGreaterThanOrEqual(1 / 1.3001);
    }
  });

  it('grow with the strength, and stop at 0', () => {
    const weak = column(epoch({ ...none, brightness: 0.2 }, 6, 0, 0.5), 'bias');
    const strong = column(epoch({ ...none, brightness: 0.2 }, 6, 0, 1), 'bias');
    weak.forEach((value, i) => expect(value).toBeCloseTo(strong[i]! / 2, 4));
    expect(augments(everything, 0)).toBe(false);
    expect(augments(none, 1)).toBe(false);
    expect(augments(null, 1)).toBe(false);
    expect(augments(everything, 0.1)).toBe(true);
  });
});

describe('training with augmentation', () => {
  const job = (changes: Partial<TrainingJob> = {}): TrainingJob =>
    smallJob({ graph: cnn, length: { steps: 12 }, ...changes }, { augmentation: everything });

  it('gives the same on 1, 2 and 3 threads and after a resume, and nearly the same on the reference backend', async () => {
    const one = await train(job(), cpuBackend);
    for (const threads of [2, 3]) expect((await train(job(), cpuBackend, { threads })).hash).toBe(one.hash);
    const begun = await train(job(), cpuBackend, { stopAt: 7 });
    const bytes = all(begun.events, 'checkpoint').at(-1)!.bytes;
    expect((await train(job({ resumeFrom: bytes }), cpuBackend)).hash).toBe(one.hash);
    const slow = await train(job(), referenceBackend);
    curve(slow.events, 'loss').forEach((loss, i) => expect(loss).toBeCloseTo(curve(one.events, 'loss')[i]!, 4));
  });

  it('changes training images only', async () => {
    // a rate so small that the weights stay: evaluations see the same images with and without augmentation
    const still = { ...smallJob().optimizer, learningRate: 1e-30, weightDecay: 0 };
    const without = await train(smallJob({ length: { steps: 12 }, optimizer: still }), cpuBackend);
    const augmented = await train(
      smallJob({ length: { steps: 12 }, optimizer: still }, { augmentation: everything }),
      cpuBackend,
    );
    expect(curve(augmented.events, 'loss')).not.toEqual(curve(without.events, 'loss'));
    const evaluations = (outcome: typeof without): number[] =>
      all(outcome.events, 'evaluation').map(({ loss }) => loss);
    expect(evaluations(augmented)).toEqual(evaluations(without));
  });

  it('without any change is training without it, bit for bit, and so is a stage of strength 0', async () => {
    const plain = await train(smallJob({ graph: cnn, length: { steps: 9 } }), cpuBackend);
    const idle = await train(smallJob({ graph: cnn, length: { steps: 9 } }, { augmentation: none }), cpuBackend);
    expect(idle.hash).toBe(plain.hash);
    const stage: StageSettings = {
      length: { steps: 9 },
      imageSize: null,
      batchSize: 8,
      learningRateFactor: 1,
      augmentationStrength: 0,
      frozen: [],
      frozenBatchNorm: 'running',
    };
    expect((await train(job({ stages: [stage] }), cpuBackend)).hash).toBe(plain.hash);
  });

  it('is refused a checkpoint of other augmentation', async () => {
    const begun = await train(job(), cpuBackend, { stopAt: 3 });
    const bytes = all(begun.events, 'checkpoint').at(-1)!.bytes;
    const other = smallJob(
      { graph: cnn, length: { steps: 12 }, resumeFrom: bytes },
      { augmentation: { ...everything, shift: 1 } },
    );
    await expect(train(other, cpuBackend)).rejects.toThrow(/another preparation/);
  });
});
