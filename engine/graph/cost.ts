import { layers } from '../layers/index.ts';
import { sizeOf } from '../tensor.ts';
import { optimizerState, type StateSettings } from '../train/optimizers.ts';
import type { CheckedGraph, CheckedNode } from './check.ts';

export interface CostOptions {
  readonly batchSize: number;
  readonly optimizer: StateSettings;
}

/** What a model costs, from its shapes alone. Bytes are those of float32. */
export interface Cost {
  readonly parameters: number;
  /** Multiply-accumulates of a forward pass. */
  readonly macsPerImage: number;
  /** Of a training step: forward, gradient of the weights, and gradient of the input where a layer before has weights. */
  readonly trainingMacsPerImage: number;
  readonly parameterBytes: number;
  readonly gradientBytes: number;
  readonly optimizerBytes: number;
  readonly bufferBytes: number;
  /** Outputs of all layers for a batch, as the forward pass leaves them for the backward pass. */
  readonly activationBytes: number;
}

export function costOf({ nodes }: CheckedGraph, { batchSize, optimizer }: CostOptions): Cost {
  const bytes = 4;
  const parameters = sum(nodes, (node) => node.parameterCount);
  return {
    parameters,
    macsPerImage: sum(nodes, (node) => node.macs),
    trainingMacsPerImage: trainingMacs(nodes),
    parameterBytes: parameters * bytes,
    gradientBytes: parameters * bytes,
    optimizerBytes: parameters * bytes * optimizerState(optimizer).length,
    bufferBytes: sum(nodes, (node) => sum(node.buffers, ({ shape }) => sizeOf(shape))) * bytes,
    activationBytes: sum(nodes, valuesKept) * bytes * batchSize,
  };
}

/** Values per image that a node adds to memory in training; none where it hands its input on. */
function valuesKept({ layer, props, outputShape }: CheckedNode): number {
  const handsOn = layer !== 'input' && layers[layer].isIdentity?.(props, 'train') === true;
  return handsOn ? 0 : sizeOf(outputShape);
}

function trainingMacs(nodes: readonly CheckedNode[]): number {
  const trained = new Set<string>();
  let macs = 0;
  for (const node of nodes) {
    const inputIsTrained = node.inputs.some((id) => trained.has(id));
    if (inputIsTrained || node.parameters.length > 0) trained.add(node.id);
    macs += node.macs * (inputIsTrained ? 3 : 2);
  }
  return macs;
}

const sum = <T>(items: readonly T[], value: (item: T) => number): number =>
  items.reduce((total, item) => total + value(item), 0);
