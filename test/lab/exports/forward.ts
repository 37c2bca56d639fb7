import { checkGraph } from '../../../engine/graph/check.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { initialValues } from '../../../engine/layers/initialize.ts';
import { lowerTraining } from '../../../engine/plan/lower.ts';
import { RandomStream, streamKind } from '../../../engine/random.ts';
import type { NamedTensor } from '../../../engine/train/safetensors.ts';
import { exportModel, type ExportModel } from '../../../lab/exports/model.ts';
import { sgd } from '../../engine/models/lowered.ts';

export interface Trial {
  readonly name: string;
  readonly graph: GraphDocument;
  readonly inputShape: readonly [number, number, number];
  readonly classes: number;
}

const draws = (seed: number): RandomStream => new RandomStream(seed, streamKind.init, 77);

/** The trial's model with weights that hide no mistake: no zeros in biases, no ones in gammas, running statistics of their own. */
export function withWeights({ name, graph, inputShape, classes }: Trial, seed = 5): ExportModel {
  const checked = checkGraph(graph, { inputShape, classes });
  if (!checked.ok) throw new Error(`${name}: ${checked.faults.map(({ message }) => message).join(' ')}`);
  const random = draws(seed);
  const values = initialValues(checked.nodes, seed);
  const weights = new Map<string, NamedTensor>();
  for (const node of checked.nodes) {
    for (const spec of [...node.parameters, ...node.buffers]) {
      const key = `${node.id}.${spec.name}`;
      const own = values.get(key)!;
      if (spec.name !== 'weight' && own instanceof Float32Array) {
        const positive = spec.name === 'gamma' || spec.name === 'runningVar';
        for (let i = 0; i < own.length; i++) own[i] = positive ? 0.5 + random.uniform() : random.uniform() - 0.5;
      }
      const dtype = own instanceof Float32Array ? 'f32' : 'i32';
      weights.set(key, { name: key, dtype, shape: spec.shape, values: own });
    }
  }
  const names = Array.from({ length: classes }, (_, i) => `class ${i}`);
  return exportModel({ name, graph, inputShape, classes: names, weights });
}

/** Random bytes as images, and the values that unit preprocessing makes of them. */
export function images(
  inputShape: readonly number[],
  count: number,
  seed = 9,
): { pixels: Uint8Array; values: Float32Array } {
  const random = draws(seed);
  const size = inputShape.reduce((product, extent) => product * extent, 1);
  const pixels = Uint8Array.from({ length: count * size }, () => Math.floor(random.uniform() * 256));
  const scale = Math.fround(1 / 255);
  return { pixels, values: Float32Array.from(pixels, (pixel) => Math.fround(pixel * scale)) };
}

/** Logits [count, classes] of our own cpu engine in evaluation. */
export async function forward(model: ExportModel, pixels: Uint8Array, count: number): Promise<Float32Array> {
  const plan = lowerTraining(model.checked, {
    batchSize: 2,
    evaluationBatch: count,
    inputShape: model.inputShape,
    trainImages: count,
    testImages: count,
    perFeature: false,
    loss: { kind: 'crossEntropy', labelSmoothing: 0 },
    optimizer: sgd,
    historySlots: 1,
  });
  const executable = await cpuBackend.compile(plan);
  const { handles } = plan;
  executable.write(handles.testPixels, pixels);
  executable.write(handles.testLabels, new Uint8Array(count));
  executable.write(handles.offset, Float32Array.of(0));
  executable.write(handles.scale, Float32Array.of(1 / 255));
  executable.write(
    handles.evaluationIndices,
    Int32Array.from({ length: count }, (_, i) => i),
  );
  for (const id of [...handles.parameters, ...handles.buffers]) {
    executable.write(id, model.weights!.get(plan.tensors[id]!.name)!.values);
  }
  executable.run('evaluateTest');
  const logits = new Float32Array(count * model.classes.length);
  await executable.read(handles.evaluationLogits, logits);
  await executable.dispose();
  return logits;
}

export const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++)
    largest = Math.max(largest, Number.isFinite(a[i]! - b[i]!) ? Math.abs(a[i]! - b[i]!) : Infinity);
  return largest;
};
