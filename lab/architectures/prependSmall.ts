import { convBlock, type TemplateSource } from './template.ts';

/** Trained on small images; a stem that halves larger ones then fits in front of it, dense layers and all. */
export const prependSmall: TemplateSource = {
  id: 'prepend-small',
  title: 'Prepend CNN, small images first',
  summary:
    'Learns on images of 14 pixels, where a step is cheap. Then, on its run, Go on and Prepend a stem put new layers in front of it for 28 pixels: what is learned is reused.',
  spec: {
    ablate: 1,
    name: 'Prepend CNN at 14 pixels',
    data: { dataset: 'fashion-mnist', validation: 5000, preprocessing: 'standardise' },
    model: {
      nodes: [
        { id: 'image', layer: 'input' },
        ...convBlock(1, 16),
        ...convBlock(2, 32),
        { id: 'pool1', layer: 'maxPool2d' },
        ...convBlock(3, 64),
        { id: 'pool2', layer: 'maxPool2d' },
        { id: 'flatten', layer: 'flatten' },
        { id: 'dense1', layer: 'dense', props: { units: 64 } },
        { id: 'relu4', layer: 'relu' },
        { id: 'classes', layer: 'dense', props: { units: 10 } },
      ],
    },
    training: {
      batchSize: 64,
      stages: [{ length: { epochs: 5 }, imageSize: 14 }],
      optimizer: { kind: 'adam', learningRate: 0.001 },
    },
    seed: 1,
  },
};
