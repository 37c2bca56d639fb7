import { convBlock, type TemplateSource } from './template.ts';

/** Two residual blocks (He, Zhang, Ren & Sun 2015, arXiv:1512.03385), the second with a strided 1×1 projection. */
export const residual: TemplateSource = {
  id: 'residual',
  title: 'Small residual network',
  summary:
    'Two blocks whose input is added to their output, so that gradients have a short way back; global pooling at the end.',
  spec: {
    ablate: 1,
    name: 'Small residual net',
    data: { dataset: 'fashion-mnist', validation: 5000, preprocessing: 'standardise' },
    model: {
      nodes: [
        { id: 'image', layer: 'input' },
        ...convBlock('0', 16),
        ...convBlock('1a', 16),
        { id: 'conv1b', layer: 'conv2d', props: { filters: 16, padding: 'same', bias: false } },
        { id: 'bn1b', layer: 'batchNorm' },
        { id: 'add1', layer: 'add', inputs: ['bn1b', 'relu0'] },
        { id: 'relu1b', layer: 'relu' },
        ...convBlock('2a', 32, { stride: [2, 2] }),
        { id: 'conv2b', layer: 'conv2d', props: { filters: 32, padding: 'same', bias: false } },
        { id: 'bn2b', layer: 'batchNorm' },
        {
          id: 'projection',
          layer: 'conv2d',
          inputs: ['relu1b'],
          props: { filters: 32, kernel: [1, 1], stride: [2, 2], bias: false },
        },
        { id: 'bnProjection', layer: 'batchNorm' },
        { id: 'add2', layer: 'add', inputs: ['bn2b', 'bnProjection'] },
        { id: 'relu2b', layer: 'relu' },
        { id: 'pool', layer: 'globalAvgPool2d' },
        { id: 'classes', layer: 'dense', props: { units: 10 } },
      ],
    },
    training: {
      batchSize: 64,
      length: { epochs: 10 },
      optimizer: { kind: 'sgd', learningRate: 0.05, momentum: 0.9, weightDecay: 0.0005 },
      schedule: { kind: 'cosine' },
    },
    seed: 1,
  },
};
