import type { Handlers } from '../app.ts';
import { base64 } from '../base64.ts';
import { LabError } from '../contract/errors.ts';
import { suggestion } from '../contract/near.ts';
import type { Datasets } from '../ports.ts';

export function datasetHandlers(datasets: Datasets): Handlers {
  return {
    'datasets.list': () => datasets.list(),
    'datasets.samples': async ({ id, split, offset, count }) => {
      const known = await datasets.list();
      const dataset = known.find((each) => each.id === id);
      if (!dataset) {
        const names = known.map((each) => each.id);
        throw new LabError('notFound', `There is no data set ${JSON.stringify(id)}.${suggestion(id, names)}`);
      }
      const images = split === 'train' ? dataset.trainImages : dataset.testImages;
      if (offset >= images) {
        const kind = split === 'train' ? 'training' : 'test';
        const message = `datasets.samples: offset: ${id} has ${images} ${kind} images, so none begins at ${offset}.`;
        throw new LabError('invalid', message);
      }
      const { pixels, labels, shape } = await datasets.samples(id, offset, Math.min(count, images - offset), split);
      return { pixels: base64(pixels), labels: Array.from(labels), shape };
    },
  };
}
