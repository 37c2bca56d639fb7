import type { TemplateSource } from './template.ts';

const weightInit = { kind: 'glorot', distribution: 'uniform' };

/** LeNet-5 with plain pooling and a softmax at its end (LeCun, Bottou, Bengio & Haffner 1998). */
export const lenet: TemplateSource = {
  id: 'lenet',
  title: 'LeNet-5',
  summary:
    'The classic small convolutional network, on clothes instead of digits: two convolutions, average pooling, tanh.',
  spec: {
    ablate: 1,
    name: 'LeNet-5',
    data: { dataset: 'fashion-mnist', validation: 5000, preprocessing: 'standardise' },
    model: {
      nodes: [
        { id: 'image', layer: 'input' },
        { id: 'conv1', layer: 'conv2d', props: { filters: 6, kernel: [5, 5], padding: 'same', weightInit } },
        { id: 'tanh1', layer: 'tanh' },
        { id: 'pool1', layer: 'avgPool2d' },
        { id: 'conv2', layer: 'conv2d', props: { filters: 16, kernel: [5, 5], weightInit } },
        { id: 'tanh2', layer: 'tanh' },
        { id: 'pool2', layer: 'avgPool2d' },
        { id: 'flatten', layer: 'flatten' },
        { id: 'dense1', layer: 'dense', props: { units: 120, weightInit } },
        { id: 'tanh3', layer: 'tanh' },
        { id: 'dense2', layer: 'dense', props: { units: 84, weightInit } },
        { id: 'tanh4', layer: 'tanh' },
        { id: 'classes', layer: 'dense', props: { units: 10, weightInit } },
      ],
    },
    training: {
      batchSize: 64,
      length: { epochs: 10 },
      optimizer: { kind: 'sgd', learningRate: 0.02, momentum: 0.9 },
      schedule: { kind: 'cosine' },
    },
    seed: 1,
  },
};
