/** Every layer of the catalogue (index.ts). A new one: a name here, a file, a line there, its cases. */
export const layerNames = [
  'input',
  'dense',
  'conv2d',
  'maxPool2d',
  'avgPool2d',
  'globalAvgPool2d',
  'resize',
  'flatten',
  'batchNorm',
  'noisyBatchNorm',
  'groupNorm',
  'layerNorm',
  'dropout',
  'sigmoid',
  'tanh',
  'relu',
  'leakyRelu',
  'elu',
  'selu',
  'gelu',
  'silu',
  'softplus',
  'hardSwish',
  'mish',
  'add',
  'concat',
] as const;
export type LayerName = (typeof layerNames)[number];

export function isLayerName(name: unknown): name is LayerName {
  return (layerNames as readonly unknown[]).includes(name);
}
