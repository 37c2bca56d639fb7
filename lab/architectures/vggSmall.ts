import { convBlock, type TemplateSource } from './template.ts';

/** The pattern of Simonyan & Zisserman 2014 (arXiv:1409.1556), narrow, with batch norm. */
export const vggSmall: TemplateSource = {
  id: 'vgg-small',
  title: 'VGG-style CNN',
  summary:
    'Pairs of 3×3 convolutions, each pair followed by a pooling that halves the image while the channels double.',
  spec: {
    ablate: 1,
    name: 'Small VGG',
    data: { dataset: 'fashion-mnist', validation: 5000, preprocessing: 'standardise' },
    model: {
      nodes: [
        { id: 'image', layer: 'input' },
        ...convBlock('1a', 16),
        ...convBlock('1b', 16),
        { id: 'pool1', layer: 'maxPool2d' },
        ...convBlock('2a', 32),
        ...convBlock('2b', 32),
        { id: 'pool2', layer: 'maxPool2d' },
        ...convBlock('3a', 64),
        ...convBlock('3b', 64),
        { id: 'pool3', layer: 'maxPool2d' },
        { id: 'flatten', layer: 'flatten' },
        { id: 'dense1', layer: 'dense', props: { units: 128 } },
        { id: 'relu4', layer: 'relu' },
        { id: 'dropout1', layer: 'dropout', props: { p: 0.5 } },
        { id: 'classes', layer: 'dense', props: { units: 10 } },
      ],
    },
    training: {
      batchSize: 64,
      length: { epochs: 10 },
      optimizer: { kind: 'adam', learningRate: 0.001, weightDecay: 0.0005, decoupled: true },
      schedule: { kind: 'cosine' },
    },
    seed: 1,
  },
};
