import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { checkGraph } from '../../../engine/graph/check.ts';
import { initialValues } from '../../../engine/layers/initialize.ts';
import { lowerTraining, type LowerOptions } from '../../../engine/plan/lower.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import { cnn, stripes } from '../train/jobs.ts';

const imageShape = [1, 6, 5] as const;
const images = stripes(24, imageShape, 3);
/** Without what depends on the batch: its statistics and the draws of dropout. */
const graph = { nodes: cnn.nodes.filter(({ layer }) => layer !== 'batchNorm' && layer !== 'dropout') };
const checked = checkGraph(graph, { inputShape: imageShape, classes: 3 });

const options = (changes: Partial<LowerOptions> = {}): LowerOptions => ({
  batchSize: 24,
  evaluationBatch: 8,
  inputShape: imageShape,
  trainImages: images.count,
  testImages: images.count,
  perFeature: false,
  loss: { kind: 'crossEntropy', labelSmoothing: 0.1 },
  optimizer: { kind: 'sgd', learningRate: 0.1, momentum: 0, dampening: 0, nesterov: false, weightDecay: 0 },
  gradient: { clip: { norm: 0.01 }, l1: 1e-4 },
  historySlots: 4,
  ...changes,
});

describe.each([referenceBackend, cpuBackend])('accumulation on $name', (backend) => {
  async function steps(accumulate: number) {
    const plan = lowerTraining(checked, options({ accumulate }));
    const { handles } = plan;
    const executable = await backend.compile(plan);
    executable.write(handles.trainPixels, images.pixels);
    executable.write(handles.trainLabels, images.labels);
    executable.write(handles.offset, Float32Array.of(100));
    executable.write(handles.scale, Float32Array.of(0.01));
    for (const [name, values] of initialValues(checked.nodes, 1)) {
      const spec = plan.tensors.find((tensor) => tensor.name === name)!;
      executable.write(spec.id, values);
    }
    executable.write(handles.hyper, Float32Array.of(0.1, 1, 1, 1));
    const part = 24 / accumulate;
    for (let step = 0; step < 3; step++) {
      for (let i = 0; i < accumulate; i++) {
        executable.write(
          handles.trainIndices,
          Int32Array.from({ length: part }, (_, n) => i * part + n),
        );
        executable.write(handles.random, Int32Array.of(1, 0, step));
        executable.run('train');
      }
      if (accumulate > 1) executable.run('update');
    }
    const values: number[] = [];
    for (const id of [...handles.parameters, handles.history]) {
      const into = new Float32Array(sizeOf(plan.tensors[id]!.shape));
      await executable.read(id, into);
      values.push(...into);
    }
    await executable.dispose();
    return values;
  }

  it('gives the weights, the loss and the hits of the undivided batch', async () => {
    const whole = await steps(1);
    expect(whole.at(-4)).toBeGreaterThan(0);
    for (const parts of [2, 3, 12, 24]) {
      const divided = await steps(parts);
      const worst = Math.max(...divided.map((value, i) => Math.abs(value - whole[i]!)));
      // float32 sums in another order, over three steps
      expect(worst).toBeLessThan(3e-6);
    }
  });
});

it('takes less memory the more parts there are', async () => {
  const large = checkGraph(
    {
      nodes: [
        { id: 'image', layer: 'input' },
        { id: 'conv1', layer: 'conv2d', props: { filters: 16, padding: 'same' } },
        { id: 'relu1', layer: 'relu' },
        { id: 'conv2', layer: 'conv2d', props: { filters: 16, padding: 'same' } },
        { id: 'pool', layer: 'globalAvgPool2d' },
        { id: 'out', layer: 'dense', props: { units: 3 } },
      ],
    },
    { inputShape: [1, 16, 16], classes: 3 },
  );
  const bytes: number[] = [];
  for (const accumulate of [1, 2, 8]) {
    const plan = lowerTraining(
      large,
      options({ inputShape: [1, 16, 16], batchSize: 64, evaluationBatch: 4, accumulate }),
    );
    const executable = await cpuBackend.compile(plan);
    bytes.push(executable.bytes);
    await executable.dispose();
  }
  expect(bytes[1]! / bytes[0]!).toBeLessThan(0.8);
  expect(bytes[2]! / bytes[0]!).toBeLessThan(0.5);
});

it('refuses parts that do not divide the batch, and parts too small for batch norm', () => {
  expect(() => lowerTraining(checked, options({ accumulate: 5 }))).toThrow(
    'training.accumulate takes a batch of 24 in 5 parts; choose a number from 1 that divides 24.',
  );
  expect(() => lowerTraining(checked, options({ accumulate: 0 }))).toThrow('divides 24');
  const flat = checkGraph(
    {
      nodes: [
        { id: 'image', layer: 'input' },
        { id: 'flat', layer: 'flatten' },
        { id: 'norm', layer: 'batchNorm' },
        { id: 'out', layer: 'dense', props: { units: 3 } },
      ],
    },
    { inputShape: imageShape, classes: 3 },
  );
  expect(() => lowerTraining(flat, options({ accumulate: 24 }))).toThrow('a part of a batch with 1 image');
});

it('leaves the plan as it is without it', () => {
  const plain = lowerTraining(checked, options());
  expect(lowerTraining(checked, options({ accumulate: 1 }))).toEqual(plain);
  expect(plain.segments.map(({ name }) => name)).toEqual(['train', 'evaluateTrain', 'evaluateTest']);
});
