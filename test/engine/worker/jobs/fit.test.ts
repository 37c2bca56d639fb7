import { describe, expect, it } from 'vitest';
import { prepareTraining } from '../../../../engine/train/prepare.ts';
import { runFit } from '../../../../engine/worker/jobs/fit.ts';
import { smallJob, stripes } from '../../train/jobs.ts';

describe('a fit', () => {
  it.each(['unit', 'standardise', 'standardiseFeatures', 'pcaWhitening', 'zcaWhitening'] as const)(
    'is what the steps of a run use, to the bit: %s',
    async (preprocessing) => {
      const training = smallJob({}, { preprocessing });
      const { transform, whitening } = prepareTraining(training);
      for (const imageSize of [[6, 5] as const, [4, 3] as const]) {
        const matrix = (await whitening?.matrix(imageSize)) ?? null;
        expect(await runFit({ training, imageSize })).toEqual({ ...transform, whitening: matrix });
      }
    },
  );

  it('depends on the images that are trained on, not on the network or how long it is trained', async () => {
    const fit = (seed: number, length: number) =>
      runFit({
        training: smallJob({ seed, length: { steps: length }, graph: { nodes: [] } }, { preprocessing: 'standardise' }),
        imageSize: [6, 5],
      });
    expect(await fit(3, 1)).toEqual(await fit(3, 9));
    expect(await fit(4, 1)).not.toEqual(await fit(3, 1));
  });

  it('is refused for images that are too large to be whitened', async () => {
    const imageShape = [1, 33, 32] as const;
    const training = smallJob({}, { imageShape, train: stripes(30, imageShape, 3), preprocessing: 'zcaWhitening' });
    await expect(runFit({ training, imageSize: [4, 4] })).rejects.toThrow(/at most 1024 values.*these have 1056\./);
  });
});
