import { convBlock, type TemplateSource } from './template.ts';

/** Small enough for a laptop's processor: about 4 million multiply-accumulates per image. */
export const cnnFashion: TemplateSource = {
  id: 'cnn-fashion',
  title: 'CNN for Fashion-MNIST',
  summary:
    'Four convolutions with batch norm and ReLU, two poolings, dropout before the last layers. Passes 90 % in minutes on two cores.',
  spec: {
    ablate: 1,
    name: 'Fashion CNN',
    data: { dataset: 'fashion-mnist', validation: 5000, preprocessing: 'standardise' },
    model: {
      nodes: [
        { id: 'image', layer: 'input' },
        ...convBlock(1, 16),
        { id: 'pool1', layer: 'maxPool2d' },
        ...convBlock(2, 32),
        ...convBlock(3, 32),
        { id: 'pool2', layer: 'maxPool2d' },
        ...convBlock(4, 64),
        { id: 'flatten', layer: 'flatten' },
        { id: 'dropout1', layer: 'dropout', props: { p: 0.3 } },
        { id: 'dense1', layer: 'dense', props: { units: 100 } },
        { id: 'relu5', layer: 'relu' },
        { id: 'dropout2', layer: 'dropout', props: { p: 0.3 } },
        { id: 'classes', layer: 'dense', props: { units: 10 } },
      ],
    },
    training: {
      batchSize: 64,
      length: { epochs: 5 },
      optimizer: { kind: 'adam', learningRate: 0.002 },
      schedule: { kind: 'cosine' },
      evaluateEvery: { epochs: 0.5 },
    },
    seed: 1,
  },
};
