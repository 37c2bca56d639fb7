import { convBlock, type TemplateSource } from './template.ts';

/** No layer depends on the image's size (Lin, Chen & Yan 2013, arXiv:1312.4400). */
export const globalPooling: TemplateSource = {
  id: 'global-pooling',
  title: 'Global-pooling CNN',
  summary: 'Convolutions all the way, then the mean of each channel: the same weights work for images of any size.',
  spec: {
    ablate: 1,
    name: 'Global-pooling CNN',
    data: { dataset: 'fashion-mnist', validation: 5000, preprocessing: 'standardise' },
    model: {
      nodes: [
        { id: 'image', layer: 'input' },
        ...convBlock(1, 16),
        { id: 'pool1', layer: 'maxPool2d' },
        ...convBlock(2, 32),
        { id: 'pool2', layer: 'maxPool2d' },
        ...convBlock(3, 64),
        { id: 'pool', layer: 'globalAvgPool2d' },
        { id: 'classes', layer: 'dense', props: { units: 10 } },
      ],
    },
    training: {
      batchSize: 64,
      length: { epochs: 10 },
      optimizer: { kind: 'adam', learningRate: 0.002 },
      schedule: { kind: 'cosine' },
    },
    seed: 1,
  },
};
