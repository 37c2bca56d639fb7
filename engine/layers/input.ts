import { defineLayer } from './layer.ts';

export const input = defineLayer({
  name: 'input',
  title: 'Input',
  category: 'input',
  summary: 'The images of the data set.',
  help: 'Where the images come in, after preprocessing. Its shape is that of the data set, so it has no properties. A model has exactly one.',
  inputs: { min: 0, max: 0 },
  props: {},
  // The check gives it the data set's shape; it never asks the layer.
  shape: (_props, _inputs, self) => ({ fault: `${self} takes its shape from the data set.` }),
  isIdentity: () => true,
  lower: () => undefined,
});
