import { classCounts, EngineError, splitTrainingFile, type SplitSettings } from '../../engine/index.ts';
import type { Handlers } from '../app.ts';
import { base64 } from '../base64.ts';
import { LabError } from '../contract/errors.ts';
import { suggestion } from '../contract/near.ts';
import type { DatasetRecord } from '../contract/records.ts';
import type { Datasets } from '../ports.ts';

export function datasetHandlers(datasets: Datasets): Handlers {
  const find = async (id: string): Promise<DatasetRecord> => {
    const known = await datasets.list();
    const dataset = known.find((each) => each.id === id);
    if (dataset) return dataset;
    const names = known.map((each) => each.id);
    throw new LabError('notFound', `There is no data set ${JSON.stringify(id)}.${suggestion(id, names)}`);
  };
  return {
    'datasets.list': () => datasets.list(),
    'datasets.samples': async ({ id, split, offset, count }) => {
      const dataset = await find(id);
      const images = split === 'train' ? dataset.trainImages : dataset.testImages;
      if (offset >= images) {
        const kind = split === 'train' ? 'training' : 'test';
        const message = `datasets.samples: offset: ${id} has ${images} ${kind} images, so none begins at ${offset}.`;
        throw new LabError('invalid', message);
      }
      const { pixels, labels, shape } = await datasets.samples(id, offset, Math.min(count, images - offset), split);
      return { pixels: base64(pixels), labels: Array.from(labels), shape };
    },
    'datasets.split': async ({ id, ...settings }) => {
      const { classes } = await find(id);
      const [labels, testLabels] = [await datasets.labels(id, 'train'), await datasets.labels(id, 'test')];
      const { train, validation } = divided(labels, settings);
      const test = testLabels.keys();
      return {
        train: classCounts(train, labels, classes.length),
        validation: classCounts(validation, labels, classes.length),
        test: classCounts(test, testLabels, classes.length),
      };
    },
  };
}

function divided(labels: Uint8Array, settings: SplitSettings): ReturnType<typeof splitTrainingFile> {
  try {
    return splitTrainingFile(labels, settings);
  } catch (error) {
    // sizes that do not fit are the caller's
    if (error instanceof EngineError) throw new LabError('invalid', `datasets.split: ${error.message}`);
    throw error;
  }
}
