import type { Executable } from '../../../engine/backend.ts';
import { checkGraph } from '../../../engine/graph/check.ts';
import type { GraphDocument, NodeDocument } from '../../../engine/graph/document.ts';
import { initialValues } from '../../../engine/layers/initialize.ts';
import { hyperSize, randomSize, randomSlot } from '../../../engine/ops/op.ts';
import { lowerTraining } from '../../../engine/plan/lower.ts';
import type { TrainingPlan } from '../../../engine/plan/plan.ts';
import { fillHyper } from '../../../engine/train/optimizers.ts';
import type { OptimizerSettings } from '../../../engine/train/settings.ts';

export const adam: OptimizerSettings = {
  kind: 'adam',
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0,
  decoupled: false,
};
export const sgd: OptimizerSettings = {
  kind: 'sgd',
  learningRate: 0.1,
  momentum: 0,
  dampening: 0,
  nesterov: false,
  weightDecay: 0,
};

const images = 64;

/** A small training run, driven by hand. */
export interface Net {
  readonly plan: TrainingPlan;
  readonly values: Map<string, Float32Array | Int32Array | Uint8Array>;
}

export function lowerNet(
  layers: readonly NodeDocument[],
  inputShape: readonly [number, number, number],
  batchSize: number,
  optimizer: OptimizerSettings,
  evaluationBatch = batchSize,
): Net {
  const document: GraphDocument = { nodes: [{ id: 'input', layer: 'input' }, ...layers] };
  const checked = checkGraph(document, { inputShape, classes: 10 });
  if (!checked.ok) throw new Error(checked.faults.map(({ message }) => message).join('\n'));
  const plan = lowerTraining(checked, {
    batchSize,
    evaluationBatch,
    inputShape,
    trainImages: images,
    testImages: images,
    perFeature: false,
    loss: { kind: 'crossEntropy', labelSmoothing: 0 },
    optimizer,
    historySlots: 16,
  });
  return { plan, values: initialValues(checked.nodes, 3) };
}

export function fillNet({ plan, values }: Net, executable: Executable): void {
  const { handles } = plan;
  const pixels = new Uint8Array(images * plan.tensors[handles.trainPixels]!.shape.slice(1).reduce((a, b) => a * b, 1));
  for (let i = 0; i < pixels.length; i++) pixels[i] = Math.imul(i + 1, 0x9e3779b1) >>> 24;
  executable.write(handles.trainPixels, pixels);
  executable.write(
    handles.trainLabels,
    Uint8Array.from({ length: images }, (_, i) => i % 10),
  );
  executable.write(handles.offset, Float32Array.of(127));
  executable.write(handles.scale, Float32Array.of(1 / 128));
  for (const id of [...handles.parameters, ...handles.buffers]) {
    executable.write(id, values.get(plan.tensors[id]!.name)!);
  }
}

/** step(): one training step as the training loop does it. */
export function stepsOf({ plan }: Net, executable: Executable, optimizer: OptimizerSettings): () => void {
  const { handles } = plan;
  const indices = new Int32Array(plan.batchSize);
  const hyper = new Float32Array(hyperSize);
  const random = new Int32Array(randomSize);
  random[randomSlot.seedLow] = 5;
  let done = 0;
  return () => {
    for (let i = 0; i < indices.length; i++) indices[i] = (done * indices.length + i) % images;
    fillHyper(optimizer, optimizer.learningRate, done, hyper);
    random[randomSlot.step] = done;
    executable.write(handles.trainIndices, indices);
    executable.write(handles.hyper, hyper);
    executable.write(handles.random, random);
    executable.run('train');
    done++;
  };
}

export const mlpLayers: readonly NodeDocument[] = [
  { id: 'flatten', layer: 'flatten' },
  { id: 'dense1', layer: 'dense', props: { units: 30 } },
  { id: 'bn1', layer: 'batchNorm' },
  { id: 'sigmoid1', layer: 'sigmoid' },
  { id: 'dense2', layer: 'dense', props: { units: 30 } },
  { id: 'sigmoid2', layer: 'sigmoid' },
  { id: 'logits', layer: 'dense', props: { units: 10 } },
];

export const cnnLayers: readonly NodeDocument[] = [
  { id: 'conv1', layer: 'conv2d', props: { filters: 6, padding: 'same' } },
  { id: 'bn1', layer: 'batchNorm' },
  { id: 'relu1', layer: 'relu' },
  { id: 'pool1', layer: 'maxPool2d' },
  { id: 'conv2', layer: 'conv2d', props: { filters: 9, padding: 'same', bias: false } },
  { id: 'bn2', layer: 'batchNorm' },
  { id: 'gelu2', layer: 'gelu' },
  { id: 'flatten', layer: 'flatten' },
  { id: 'dropout', layer: 'dropout', props: { p: 0.3 } },
  { id: 'logits', layer: 'dense', props: { units: 10 } },
];
