import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkSpec } from '../../../lab/spec/check.ts';
import { specHash } from '../../../lab/spec/hash.ts';
import { epochsAfter, imagesAfter, paceOf, paceOfStages } from '../../../lab/spec/pace.ts';
import { lengthOf } from '../../../lab/spec/resolve.ts';
import type { Spec } from '../../../lab/spec/schema.ts';
import { setSpecValue } from '../../../lab/spec/set.ts';
import { stageSettings } from '../../../lab/spec/stages.ts';
import { dataset, smallSpec } from '../fakes.ts';

const fashion = dataset('fashion-mnist', {
  imageShape: [1, 28, 28],
  classes: Array.from({ length: 10 }, String),
  trainImages: 60000,
});
const progressive: unknown = JSON.parse(
  readFileSync(new URL('../../../examples/experiments/progressive-resizing.json', import.meta.url), 'utf8'),
);
const good = (json: unknown): Spec => {
  const { spec, faults } = checkSpec(json, [fashion, dataset('dots')]);
  expect(faults).toEqual([]);
  return spec!;
};
const messages = (json: unknown): string[] =>
  checkSpec(json, [fashion, dataset('dots')]).faults.map((fault) => fault.message);

describe('stages of a spec', () => {
  it('are resolved: sizes to height and width, batch sizes to numbers', () => {
    const spec = good(setSpecValue(progressive, 'training.stages[1].batchSize=32'));
    expect(stageSettings(spec.training).map(({ imageSize, batchSize }) => [imageSize, batchSize])).toEqual([
      [[14, 14], 64],
      [[20, 20], 32],
      [[28, 28], 64],
    ]);
  });

  it('make the length, and count images by their own batches', () => {
    const spec = good(setSpecValue(progressive, 'training.stages[1].batchSize=32'));
    const { stages, totalSteps } = lengthOf(spec, fashion);
    expect(stages.map(({ endStep }) => endStep)).toEqual([4 * 859, 4 * 859 + 3 * 1718, 7 * 859 + 3 * 1718]);
    const pace = paceOfStages(stages);
    expect(imagesAfter(pace, 4 * 859 + 10)).toBe(4 * 859 * 64 + 10 * 32);
    expect(imagesAfter(pace, totalSteps)).toBe(7 * 859 * 64 + 3 * 1718 * 32);
  });

  it('place steps by the batches of their own stage, not by the mean over the run', () => {
    const spec = good(setSpecValue(progressive, 'training.stages[1].batchSize=32'));
    const { totalSteps, stepsPerEpoch } = lengthOf(spec, fashion);
    const run = { batchSize: 47, stepsPerEpoch };
    const pace = paceOf(run, spec, [fashion]);
    expect(JSON.parse(JSON.stringify(pace))).toEqual(pace);
    const steps = [0, 859, 4 * 859, 4 * 859 + 1718, 4 * 859 + 3 * 1718, 5 * 859 + 3 * 1718, totalSteps];
    const epochs = steps.map((step) => epochsAfter(pace, step));
    [0, 1, 4, 5, 7, 8, 10].forEach((epoch, i) => expect(epochs[i]).toBeCloseTo(epoch, 9));
    // the whole run takes as long by either count
    expect(totalSteps / stepsPerEpoch).toBeCloseTo(10, 9);
    expect(Math.abs(859 / stepsPerEpoch - 1)).toBeGreaterThan(0.2);
    // without the spec or its data set the means are all there is
    for (const means of [paceOf(run, null, [fashion]), paceOf(run, spec, [])]) {
      expect(epochsAfter(means, 859)).toBeCloseTo(859 / stepsPerEpoch, 9);
      expect(imagesAfter(means, 10)).toBe(470);
    }
    expect(epochsAfter(paceOf({ batchSize: 1, stepsPerEpoch: null }, null, []), 5)).toBe(0);
  });

  it('leave the length that a run without them would have out of the hash', async () => {
    const spec = good(progressive);
    const longer = { ...spec, training: { ...spec.training, length: { epochs: 99 } } };
    expect(await specHash(longer)).toBe(await specHash(spec));
    const other = good(setSpecValue(progressive, 'training.stages[1].imageSize=21'));
    expect(await specHash(other)).not.toBe(await specHash(spec));
    const none = { ...spec, training: { ...spec.training, stages: [] } };
    expect(await specHash({ ...none, training: { ...none.training, length: { epochs: 99 } } })).not.toBe(
      await specHash(none),
    );
  });

  it('cannot whiten images that they make too large', () => {
    const white = setSpecValue(progressive, 'data.preprocessing=zcaWhitening');
    expect(messages(white)).toEqual([]);
    expect(messages(setSpecValue(white, 'training.stages[2].imageSize=56'))).toEqual([
      'training.stages[2].imageSize: whitening takes images of at most 1024 values, at 56×56 pixels they have 3136; take smaller ones, or data.preprocessing=standardiseFeatures.',
    ]);
  });

  it('are taken in equal parts each: a fault names every stage whose batch is not', () => {
    const parts = (accumulate: number, sizes: readonly (number | null)[], batchSize = 64): string[] => {
      const stages = sizes.map((size) => ({ length: { epochs: 1 }, ...(size !== null && { batchSize: size }) }));
      const training = { ...smallSpec.training, batchSize, accumulate, stages };
      return messages({ ...smallSpec, training });
    };
    const fault = (size: number, accumulate: number, path = ''): string =>
      `training.accumulate: a batch of ${size}${path} cannot be taken in ${accumulate} equal parts; choose a number that divides it.`;
    expect(parts(4, [null, 32, 8])).toEqual([]);
    expect(parts(4, [30, 32, 6])).toEqual([
      fault(30, 4, ' (training.stages[0].batchSize)'),
      fault(6, 4, ' (training.stages[2].batchSize)'),
    ]);
    // a batch size that no stage has counts for nothing
    expect(parts(4, [32, 8], 50)).toEqual([]);
    expect(parts(4, [null, 8, null], 50)).toEqual([fault(50, 4)]);
    expect(parts(4, [], 50)).toEqual([fault(50, 4)]);
  });

  it('are refused in words: a network that is bound to a size, unknown nodes, batches too large', () => {
    const bound = {
      ...smallSpec,
      data: { ...smallSpec.data, dataset: 'fashion-mnist', validation: 100 },
      model: {
        nodes: [
          { id: 'in', layer: 'input' },
          { id: 'flat', layer: 'flatten' },
          { id: 'd', layer: 'dense', props: { units: 10 } },
        ],
      },
      training: {
        ...smallSpec.training,
        stages: [
          { length: { epochs: 1 }, imageSize: 14 },
          { length: { epochs: 1 }, imageSize: [20, 28] },
        ],
      },
    };
    expect(messages(bound)).toEqual([
      expect.stringMatching(
        /^training\.stages\[1\]\.imageSize: at 20×28 pixels "d\.weight" is 10×560, at 14×14 \(training\.stages\[0\]\) it is 10×196; /,
      ),
    ]);
    expect(messages(setSpecValue(progressive, 'training.stages[2].frozen=["conv9"]'))).toEqual([
      expect.stringMatching(/^training\.stages\[2\]\.frozen\[0\]: the model has no node "conv9"/),
    ]);
    expect(messages(setSpecValue(progressive, 'training.stages[2].batchSize=60000'))).toEqual([
      expect.stringMatching(
        /^training\.stages\[2\]\.batchSize: a batch of 60000 is larger than the training split of 55000/,
      ),
    ]);
    expect(messages(setSpecValue(progressive, 'training.stages[0].imageSize=2'))).toEqual([
      expect.stringMatching(/^training\.stages\[0\]\.imageSize: .*pool2/),
    ]);
    expect(messages(setSpecValue(progressive, 'training.stages[0].imageSize=0'))[0]).toMatch(
      /^training\.stages\[0\]\.imageSize: /,
    );
  });
});

describe('mixup in a spec', () => {
  const mixed = (training: object, mixup = 0.2): unknown => ({
    ...smallSpec,
    data: { ...smallSpec.data, augmentation: { mixup } },
    training: { ...smallSpec.training, ...training },
  });
  const one = { length: { steps: 2 }, batchSize: 1 };

  it('takes an alpha from 0 to 100', () => {
    expect(good(mixed({})).data.augmentation).toMatchObject({ shift: 0, mixup: 0.2 });
    expect(messages(mixed({}, -0.1))[0]).toMatch(/^data\.augmentation\.mixup: /);
    expect(messages(mixed({}, 101))[0]).toMatch(/^data\.augmentation\.mixup: /);
  });

  it('is refused where an image has no other to be mixed with', () => {
    const lone = (path: string): string =>
      `data.augmentation.mixup: it mixes every image with the next one of its batch, or of its part of it, but ${path} and training.accumulate leave one image in each; take larger batches or parts, or 0.`;
    expect(messages(mixed({ batchSize: 1 }))).toEqual([lone('training.batchSize')]);
    expect(messages(mixed({ batchSize: 4, accumulate: 4 }))).toEqual([lone('training.batchSize')]);
    expect(messages(mixed({ batchSize: 4, accumulate: 2 }))).toEqual([]);
    expect(messages(mixed({ batchSize: 1 }, 0))).toEqual([]);
    const stages = (augmentationStrength: number): object => ({
      stages: [{ length: { steps: 2 } }, { ...one, augmentationStrength }],
    });
    expect(messages(mixed(stages(1)))).toEqual([lone('training.stages[1].batchSize')]);
    expect(messages(mixed(stages(0)))).toEqual([]);
  });
});
