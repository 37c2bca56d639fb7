import type { TemplateSource } from './template.ts';

const weightInit = { kind: 'normal', std: 0.1 };

/** The network of section 4.1 of Ioffe & Szegedy, "Batch normalization", 2015 (arXiv:1502.03167). */
export const mlpSigmoid: TemplateSource = {
  id: 'mlp-sigmoid',
  title: 'Sigmoid MLP, 3 × 100',
  summary:
    'Three layers of 100 sigmoid units on MNIST: the network on which the BatchNorm paper shows its effect. Slow to start without batch norm, quick with it.',
  spec: {
    ablate: 1,
    name: 'Sigmoid MLP',
    data: { dataset: 'mnist', validation: 5000, preprocessing: 'unit' },
    model: {
      nodes: [
        { id: 'image', layer: 'input' },
        { id: 'flatten', layer: 'flatten' },
        { id: 'dense1', layer: 'dense', props: { units: 100, weightInit } },
        { id: 'sigmoid1', layer: 'sigmoid' },
        { id: 'dense2', layer: 'dense', props: { units: 100, weightInit } },
        { id: 'sigmoid2', layer: 'sigmoid' },
        { id: 'dense3', layer: 'dense', props: { units: 100, weightInit } },
        { id: 'sigmoid3', layer: 'sigmoid' },
        { id: 'classes', layer: 'dense', props: { units: 10, weightInit } },
      ],
    },
    training: {
      batchSize: 60,
      length: { epochs: 10 },
      optimizer: { kind: 'sgd', learningRate: 0.1 },
      evaluateEvery: { steps: 50 },
    },
    seed: 1,
  },
};
