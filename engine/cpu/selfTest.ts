import { checkGraph } from '../graph/check.ts';
import type { GraphDocument } from '../graph/document.ts';
import { initialValues } from '../layers/initialize.ts';
import { hyperSize, randomSize } from '../ops/op.ts';
import { lowerTraining } from '../plan/lower.ts';
import { fillHyper, initialState } from '../train/optimizers.ts';
import type { OptimizerSettings } from '../train/settings.ts';
import { TrainingState } from '../train/state.ts';
import { tunedCpuBackend } from './index.ts';

/** What a variant of the engine does on this machine: the same bits as another, and how fast. */
export interface SelfTestResult {
  /** Of all parameters, statistics and optimiser state after some steps; equal hashes are equal bits. */
  readonly hash: string;
  /** Of the fastest step. */
  readonly milliseconds: number;
}

/** Convolutions by Winograd and direct ones, dense layers, norms, pooling and vanishing functions, with odd extents. */
const document: GraphDocument = {
  nodes: [
    { id: 'input', layer: 'input' },
    { id: 'conv1', layer: 'conv2d', props: { filters: 32, padding: 'same', bias: false } },
    { id: 'norm1', layer: 'batchNorm' },
    { id: 'relu1', layer: 'relu' },
    { id: 'conv2', layer: 'conv2d', props: { filters: 36, padding: 'same', bias: false } },
    { id: 'norm2', layer: 'batchNorm' },
    { id: 'relu2', layer: 'relu' },
    { id: 'pool', layer: 'maxPool2d' },
    { id: 'conv3', layer: 'conv2d', props: { filters: 52, kernel: [5, 5] } },
    { id: 'silu', layer: 'silu' },
    { id: 'flatten', layer: 'flatten' },
    { id: 'dense', layer: 'dense', props: { units: 100 } },
    { id: 'sigmoid', layer: 'sigmoid' },
    { id: 'logits', layer: 'dense', props: { units: 10 } },
  ],
};
const inputShape = [1, 18, 18] as const;
const classes = 10;
const batch = 24;
const optimizer: OptimizerSettings = {
  kind: 'adam',
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0,
  decoupled: false,
};
const comparedSteps = 3;

/** FNV-1a over the bits. */
function hashOf(arrays: readonly Float32Array[]): string {
  let hash = 0x811c9dc5;
  for (const array of arrays) {
    for (const word of new Uint32Array(array.buffer, array.byteOffset, array.length)) {
      hash = Math.imul(hash ^ word, 0x01000193);
    }
  }
  return (hash >>> 0).toString(16);
}

/** Trains a small network on one thread: what it ends with after a few steps, and how long a step takes. */
export async function runSelfTest(wide: boolean, milliseconds: number, clock: () => number): Promise<SelfTestResult> {
  const checked = checkGraph(document, { inputShape, classes });
  const plan = lowerTraining(checked, {
    batchSize: batch,
    evaluationBatch: batch,
    inputShape,
    trainImages: batch,
    testImages: batch,
    perFeature: false,
    loss: { kind: 'crossEntropy', labelSmoothing: 0 },
    optimizer,
    historySlots: 8,
  });
  const executable = await tunedCpuBackend({ wide }).compile(plan);
  try {
    const { handles } = plan;
    const pixels = Uint8Array.from({ length: batch * 18 * 18 }, (_, i) => (i * 131 + ((i * i) % 89) * 7) % 256);
    executable.write(handles.trainPixels, pixels);
    executable.write(
      handles.trainLabels,
      Uint8Array.from({ length: batch }, (_, i) => i % classes),
    );
    executable.write(handles.offset, Float32Array.of(0));
    executable.write(handles.scale, Float32Array.of(1 / 255));
    executable.write(
      handles.trainIndices,
      Int32Array.from({ length: batch }, (_, i) => i),
    );
    executable.write(handles.random, new Int32Array(randomSize));
    const state = new TrainingState(plan);
    state.begin(initialValues(checked.nodes, 1), initialState(optimizer));
    state.restore(executable);
    const hyper = new Float32Array(hyperSize);
    let done = 0;
    const step = (): void => {
      fillHyper(optimizer, optimizer.learningRate, done++, hyper);
      executable.write(handles.hyper, hyper);
      executable.run('train');
    };
    for (let i = 0; i < comparedSteps; i++) step();
    await state.save(executable, done);
    const arrays = state.tensors.map(({ values }) => values).filter((values) => values instanceof Float32Array);
    const hash = hashOf(arrays);
    let least = Infinity;
    const end = clock() + milliseconds;
    do {
      const before = clock();
      step();
      least = Math.min(least, clock() - before);
    } while (clock() < end);
    return { hash, milliseconds: least };
  } finally {
    await executable.dispose();
  }
}
