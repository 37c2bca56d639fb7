import { describe, expect, it } from 'vitest';
import { prepareTraining } from '../../../../engine/train/prepare.ts';
import { runFit } from '../../../../engine/worker/jobs/fit.ts';
import { smallJob, stripes } from '../../train/jobs.ts';
import { context } from './context.ts';

describe('a fit', () => {
  it.each(['unit', 'standardise', 'standardiseFeatures', 'pcaWhitening', 'zcaWhitening'] as const)(
    'is what the steps of a run use, to the bit: %s',
    async (preprocessing) => {
      const training = smallJob({}, { preprocessing });
      const { transform, whitening } = prepareTraining(training);
      for (const imageSize of [[6, 5] as const, [4, 3] as const]) {
        const matrix = (await whitening?.matrix(imageSize)) ?? null;
        expect(await runFit({ training, imageSize }, context())).toEqual({ ...transform, whitening: matrix });
      }
    },
  );

  it.each(['pcaWhitening', 'zcaWhitening'] as const)(
    'tells how far it is, up to its end: %s',
    async (preprocessing) => {
      const told: number[] = [];
      let time = 0;
      // a clock on which every part takes long enough to be told of
      const watched = context({ clock: () => (time += 1000), progress: (done) => told.push(done) });
      await runFit({ training: smallJob({}, { preprocessing }), imageSize: [6, 5] }, watched);
      expect(told.length).toBeGreaterThan(60);
      expect(told).toEqual(told.toSorted((a, b) => a - b));
      expect(told[0]).toBeGreaterThan(0);
      // no part of it goes by unsaid, whatever takes how long
      const gaps = told.map((done, i) => done - (told[i - 1] ?? 0));
      expect(Math.max(...gaps)).toBeLessThan(0.3);
      expect(told.at(-1)).toBeGreaterThan(0.95);
      expect(told.at(-1)).toBeLessThanOrEqual(1);
    },
  );

  it('tells a few times a second, not of each of its thousand parts', async () => {
    const told: number[] = [];
    const quick = context({ clock: () => 0, progress: (done) => told.push(done) });
    await runFit({ training: smallJob({}, { preprocessing: 'pcaWhitening' }), imageSize: [6, 5] }, quick);
    expect(told).toEqual([]);
  });

  it('depends on the images that are trained on, not on the network or how long it is trained', async () => {
    const fit = (seed: number, length: number) =>
      runFit(
        {
          training: smallJob(
            { seed, length: { steps: length }, graph: { nodes: [] } },
            { preprocessing: 'standardise' },
          ),
          imageSize: [6, 5],
        },
        context(),
      );
    expect(await fit(3, 1)).toEqual(await fit(3, 9));
    expect(await fit(4, 1)).not.toEqual(await fit(3, 1));
  });

  it('is refused for images that are too large to be whitened', async () => {
    const imageShape = [1, 33, 32] as const;
    const training = smallJob({}, { imageShape, train: stripes(30, imageShape, 3), preprocessing: 'zcaWhitening' });
    await expect(runFit({ training, imageSize: [4, 4] }, context())).rejects.toThrow(
      /at most 1024 values.*these have 1056\./,
    );
  });
});
