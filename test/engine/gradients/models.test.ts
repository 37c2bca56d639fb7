import { describe, expect, test } from 'vitest';
import type { Executable } from '../../../engine/backend.ts';
import { checkGraph } from '../../../engine/graph/check.ts';
import type { NodeDocument } from '../../../engine/graph/document.ts';
import type { TensorId } from '../../../engine/ops/op.ts';
import { lowerTraining } from '../../../engine/plan/lower.ts';
import { RandomStream, streamKind } from '../../../engine/random.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import { buildPlan, writeInitial } from '../fuzz/build.ts';
import { drawSpec } from '../fuzz/spec.ts';
import type { FuzzNode, FuzzSpec } from '../fuzz/spec.ts';

/** Length of the step in parameter space; shorter where the loss is steep. */
const longestStep = 0.02;
/** Of the gradient's norm: the truncation of the central difference. Absolute: rounding of the float32 loss over h. */
const tolerance = { ofNorm: 5e-3, abs: 5e-5 };

function read(executable: Executable, id: TensorId): Float32Array {
  const values = new Float32Array(sizeOf(executable.plan.tensors[id]!.shape));
  void executable.read(id, values);
  return values;
}

/**
 * Checks each parameter's gradient along itself and along random directions: the loss must change by gradient times step.
 * `loss` runs the model as it stands; parameters are put back after each probe. Gives the number of probes made.
 */
function checkDirections(
  executable: Executable,
  parameters: readonly TensorId[],
  gradients: readonly TensorId[],
  loss: () => number,
): number {
  const random = new RandomStream(99, streamKind.noise);
  loss();
  const analytic = gradients.map((id) => read(executable, id));
  let probes = 0;
  for (const [i, id] of parameters.entries()) {
    const values = read(executable, id);
    const gradient = analytic[i]!;
    const norm = Math.hypot(...gradient);
    const h = longestStep / Math.max(1, norm);
    const draws = Array.from({ length: 3 }, () => {
      const direction = new Float64Array(values.length);
      random.fillNormal(direction);
      return direction;
    });
    for (const direction of [Float64Array.from(gradient), ...draws]) {
      const length = Math.hypot(...direction);
      if (length === 0) continue;
      const moved = (by: number): number => {
        executable.write(
          id,
          values.map((value, j) => value + (by * direction[j]!) / length),
        );
        return loss();
      };
      const difference = (step: number): number => (moved(step) - moved(-step)) / (2 * step);
      const numeric = difference(h / 2);
      // Where the loss is strongly bent, the difference still changes with the step, and by more than it is off.
      const bend = Math.abs(difference(h) - numeric);
      const expected = gradient.reduce((sum, g, j) => sum + (g * direction[j]!) / length, 0);
      const { name } = executable.plan.tensors[id]!;
      const allowed = tolerance.ofNorm * norm + tolerance.abs + bend;
      expect(Math.abs(numeric - expected), `${name}: ${expected} against ${numeric}`).toBeLessThan(allowed);
      probes++;
    }
    executable.write(id, values);
  }
  return probes;
}

/** Functions and losses whose first or second derivative jumps. */
const kinked: ReadonlySet<string> = new Set(['relu', 'leakyRelu', 'elu', 'selu', 'hardSwish', 'mae', 'huber', 'hinge']);

describe('random models', () => {
  /** The model without kinks, on which a difference over a finite step means something. */
  function smooth(spec: FuzzSpec): FuzzSpec {
    const nodes = spec.nodes.map((node): FuzzNode => {
      if (node.kind === 'activation' && kinked.has(node.fn)) return { ...node, fn: 'gelu' };
      return node.kind === 'maxPool2d' ? { ...node, kind: 'avgPool2d' } : node;
    });
    return { ...spec, nodes, loss: kinked.has(spec.loss) ? 'mse' : spec.loss };
  }

  test('the loss falls as the gradients say', async () => {
    let probes = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const spec = smooth(drawSpec(seed));
      const fuzz = buildPlan(spec, { update: false });
      if (fuzz.plan.tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0) > 40_000) continue;
      const executable = await referenceBackend.compile(fuzz.plan);
      writeInitial(executable, fuzz);
      executable.write(fuzz.random, Int32Array.of(seed, 0, 0));
      probes += checkDirections(executable, fuzz.parameters, fuzz.gradients, () => {
        executable.run('train');
        return read(executable, fuzz.loss)[0]!;
      });
    }
    expect(probes).toBeGreaterThan(200);
  });
});

describe('models lowered from graph documents', () => {
  const models: Readonly<Record<string, readonly NodeDocument[]>> = {
    'sigmoid network': [
      { id: 'in', layer: 'input' },
      { id: 'flat', layer: 'flatten' },
      { id: 'hidden', layer: 'dense', props: { units: 9 } },
      { id: 'act', layer: 'sigmoid' },
      { id: 'out', layer: 'dense', props: { units: 4 } },
    ],
    'convolutions with batch norm and dropout': [
      { id: 'in', layer: 'input' },
      { id: 'conv1', layer: 'conv2d', props: { filters: 5, padding: 'same', bias: false } },
      { id: 'bn1', layer: 'batchNorm' },
      { id: 'act1', layer: 'gelu' },
      { id: 'pool1', layer: 'avgPool2d' },
      { id: 'conv2', layer: 'conv2d', props: { filters: 6, kernel: [2, 2] } },
      { id: 'act2', layer: 'tanh' },
      { id: 'drop', layer: 'dropout', props: { p: 0.4, channel: true } },
      { id: 'pool2', layer: 'globalAvgPool2d' },
      { id: 'out', layer: 'dense', props: { units: 4 } },
    ],
    'resized images, normalised one by one': [
      { id: 'in', layer: 'input' },
      { id: 'grow', layer: 'resize', props: { size: [8, 7] } },
      { id: 'conv1', layer: 'conv2d', props: { filters: 6, bias: false } },
      { id: 'norm1', layer: 'groupNorm', props: { groups: 2 } },
      { id: 'act1', layer: 'tanh' },
      { id: 'pool1', layer: 'avgPool2d', props: { kernel: [4, 2], ceilMode: true } },
      { id: 'norm2', layer: 'layerNorm' },
      { id: 'area', layer: 'resize', props: { size: [3, 2], mode: 'area' } },
      { id: 'flat', layer: 'flatten' },
      { id: 'norm3', layer: 'layerNorm' },
      { id: 'out', layer: 'dense', props: { units: 4 } },
    ],
    'a residual block and a concatenation': [
      { id: 'in', layer: 'input' },
      { id: 'stem', layer: 'conv2d', props: { filters: 4, padding: 'same' } },
      { id: 'act', layer: 'tanh' },
      { id: 'conv', layer: 'conv2d', props: { filters: 4, padding: 'same' } },
      { id: 'sum', layer: 'add', inputs: ['conv', 'act'] },
      { id: 'side', layer: 'conv2d', inputs: ['sum'], props: { filters: 3, kernel: [1, 1] } },
      { id: 'both', layer: 'concat', inputs: ['sum', 'side', 'act'] },
      { id: 'flat', layer: 'flatten' },
      { id: 'out', layer: 'dense', props: { units: 4 } },
    ],
  };

  test.each(Object.entries(models))('%s', async (_, nodes) => {
    const inputShape = [2, 6, 6];
    const checked = checkGraph({ nodes }, { inputShape, classes: 4 });
    expect(checked.faults).toEqual([]);
    const images = 8;
    const plan = lowerTraining(checked, {
      batchSize: images,
      evaluationBatch: 4,
      inputShape,
      trainImages: images,
      testImages: 1,
      perFeature: false,
      loss: { kind: 'crossEntropy', labelSmoothing: 0.1 },
      // A rate of zero leaves the parameters where they are.
      optimizer: { kind: 'sgd', learningRate: 0, momentum: 0, dampening: 0, nesterov: false, weightDecay: 0 },
      historySlots: 1,
    });
    const { handles } = plan;
    const executable = await referenceBackend.compile(plan);
    const random = new RandomStream(4, streamKind.noise);
    const pixels = Uint8Array.from({ length: images * sizeOf(inputShape) }, () => random.below(256));
    executable.write(handles.trainPixels, pixels);
    executable.write(
      handles.trainLabels,
      Uint8Array.from({ length: images }, () => random.below(4)),
    );
    executable.write(
      handles.trainIndices,
      Int32Array.from({ length: images }, (_, i) => i),
    );
    executable.write(handles.offset, Float32Array.of(128));
    executable.write(handles.scale, Float32Array.of(1 / 64));
    executable.write(handles.random, Int32Array.of(1, 2, 3));
    for (const id of handles.parameters) {
      const { shape } = plan.tensors[id]!;
      const values = new Float32Array(sizeOf(shape));
      random.fillNormal(values);
      const deviation = shape.length > 1 ? sizeOf(shape.slice(1)) ** -0.5 : 0.5;
      executable.write(
        id,
        values.map((value) => value * deviation),
      );
    }
    const probes = checkDirections(executable, handles.parameters, handles.gradients, () => {
      executable.run('train');
      return read(executable, handles.history)[0]!;
    });
    expect(probes).toBeGreaterThanOrEqual(3 * handles.parameters.length);
  });
});
