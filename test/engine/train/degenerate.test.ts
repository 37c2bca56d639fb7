import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { EngineError } from '../../../engine/errors.ts';
import type { GraphDocument, NodeDocument } from '../../../engine/graph/document.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../../engine/train/checkpoint.ts';
import type { ImageFile, TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';
import { gpuBackend, missingGpu } from '../webgpu/device.ts';
import { all, cnn, curve, mlp, smallJob, stripes, stage } from './jobs.ts';
import { train } from './drive.ts';

/** The rows of docs/degenerate.md. */
const imageShape = [1, 6, 5] as const;
const constant = (value: number): ImageFile => ({
  ...stripes(90, imageShape, 3),
  pixels: new Uint8Array(90 * 30).fill(value),
});
const oneClass = (count: number): ImageFile => ({ ...stripes(count, imageShape, 3), labels: new Uint8Array(count) });
const sgd = (learningRate: number): TrainingJob['optimizer'] => ({
  kind: 'sgd',
  learningRate,
  momentum: 0,
  dampening: 0,
  nesterov: false,
  weightDecay: 0,
});
const job = (changes: Partial<TrainingJob> = {}, data: Partial<TrainingJob['data']> = {}): TrainingJob =>
  smallJob({ length: { steps: 6 }, evaluateEvery: { steps: 3 }, optimizer: sgd(0.1), ...changes }, data);

const deep = (...nodes: NodeDocument[]): GraphDocument => ({
  nodes: [
    { id: 'image', layer: 'input' },
    { id: 'flat', layer: 'flatten' },
    ...nodes,
    { id: 'out', layer: 'dense', props: { units: 3 } },
  ],
});
const filled = (id: string, value: number): NodeDocument => ({
  id,
  layer: 'dense',
  props: { units: 4, weightInit: { kind: 'constant', value } },
});

async function failure(run: Promise<unknown>): Promise<EngineError> {
  const error = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof EngineError)) throw new Error(`an EngineError was expected, found ${String(error)}`);
  return error;
}

/** The device, where there is one; the last test says so where there is none. */
const backends = [referenceBackend, cpuBackend, ...(missingGpu === undefined ? [gpuBackend()] : [])];

it('degenerate input on webgpu', ({ skip }) => {
  skip(missingGpu !== undefined, missingGpu);
  expect(backends.map(({ name }) => name)).toContain('webgpu');
});

describe.each(backends)('degenerate input on $name', { timeout: 60_000 }, (backend) => {
  it.each(['raw', 'unit', 'standardise', 'standardiseFeatures', 'pcaWhitening', 'zcaWhitening'] as const)(
    'constant images, %s: trains on what is left',
    async (preprocessing) => {
      for (const value of [0, 255]) {
        const { events } = await train(
          job({ graph: cnn, optimizer: sgd(1e-3) }, { train: constant(value), preprocessing }),
          backend,
        );
        expect(curve(events, 'loss').every(Number.isFinite)).toBe(true);
        expect(all(events, 'evaluation').every(({ loss }) => Number.isFinite(loss))).toBe(true);
      }
    },
  );

  it('channels without variance: batch norm gives beta, and no gradient that is not finite', async () => {
    const { events } = await train(job({ graph: cnn }, { train: constant(0) }), backend);
    const { tensors } = decodeCheckpoint(all(events, 'checkpoint').at(-1)!.bytes);
    for (const { values } of tensors) expect([...values].every(Number.isFinite)).toBe(true);
  });

  it('a batch of one: trains without batch norm, and with it where an image has several places', async () => {
    for (const graph of [mlp, cnn]) {
      const { events } = await train(job({ graph, batchSize: 1 }), backend);
      expect(curve(events, 'loss').every(Number.isFinite)).toBe(true);
    }
  });

  it('a batch of one in front of a batch norm of features: refused, with the layer', async () => {
    const graph = deep({ id: 'norm', layer: 'batchNorm' });
    const error = await failure(train(job({ graph, batchSize: 1 }), backend));
    expect(error.code).toBe('graph');
    expect(error.faults[0]!.node).toBe('norm');
    expect(error.message).toContain('train with batches of at least 2');
  });

  it('one class: the loss goes to 0 and stays a number', async () => {
    const files = { train: oneClass(90), test: oneClass(31) };
    const { events } = await train(job({ length: { steps: 60 }, optimizer: sgd(1) }, files), backend);
    expect(curve(events, 'loss').at(-1)).toBeLessThan(0.05);
    expect(all(events, 'evaluation').at(-1)!.accuracy).toBe(1);
  });

  it('weights whose products are infinite: names the layer of the forward pass', async () => {
    // 1e7 behind the first layer and four million times as much behind each further one: more than 3e38 behind the sixth
    const graph = deep(...[1, 2, 3, 4, 5, 6, 7].map((i) => filled(`layer${i}`, 1e6)));
    const error = await failure(train(job({ graph }, { preprocessing: 'unit' }), backend));
    expect(error.code).toBe('nonFinite');
    expect(error.faults[0]!.node).toBe('layer6');
    expect(error.message).toContain('The loss of step 1 is infinite or not a number.');
    expect(error.message).toContain('layer "layer6" (linear)');
  });

  it('gradients that are infinite behind a finite loss: names the layer of the backward pass', async () => {
    // all is 0 forward; backward each layer makes four million times as much of the gradient
    const graph = deep(filled('layer0', 0), ...[1, 2, 3, 4, 5, 6, 7].map((i) => filled(`layer${i}`, 1e6)));
    const error = await failure(train(job({ graph, loss: { kind: 'mse' } }, { preprocessing: 'unit' }), backend));
    expect(error.code).toBe('nonFinite');
    expect(error.message).toContain('The first gradient that is not finite comes from layer');
    expect(error.faults[0]!.node).toMatch(/^layer[0-3]$/);
  });

  it('an absurd learning rate: ends with the parameter or the layer it broke', async () => {
    const error = await failure(
      train(job({ optimizer: sgd(1e38), loss: { kind: 'mse' }, length: { steps: 30 } }), backend),
    );
    expect(error.code).toBe('nonFinite');
    expect(error.faults[0]!.node).toMatch(/hidden|out/);
    expect(error.message).toContain('Try a lower learning rate');
  });

  it('parameters that become infinite in the last step: found before they are saved', async () => {
    const graph = deep(filled('hidden', 1e3));
    const changes: Partial<TrainingJob> = { graph, optimizer: sgd(1e38), loss: { kind: 'mse' }, length: { steps: 1 } };
    const last = job(changes, { preprocessing: 'raw' });
    const events: TrainingEvent[] = [];
    const error = await failure(train(last, backend, { events }));
    expect(error.code).toBe('nonFinite');
    expect(error.message).toContain('After step 1 ');
    expect(error.faults[0]!.node).toMatch(/hidden|out/);
    expect(all(events, 'checkpoint')).toEqual([]);
  });

  it('a test loss that is infinite though the training loss is not: names split and step', async () => {
    // training images give the batch norm nothing but its mean, the test images are multiplied to more than 3e38
    const wide = [1, 2, 3, 4, 5, 6].map((i) => filled(`wide${i}`, 1e6));
    const graph = deep({ id: 'norm', layer: 'batchNorm' }, ...wide);
    const frozen = ['norm', ...wide.map(({ id }) => id)];
    const stages = [stage({ length: { steps: 2 }, frozen, frozenBatchNorm: 'batch' })];
    const images = { train: constant(0), test: stripes(31, imageShape, 3, 2) };
    const error = await failure(
      train(job({ graph, stages }, { ...images, preprocessing: 'unit', validation: 0 }), backend),
    );
    expect(error.code).toBe('nonFinite');
    expect(error.message).toMatch(/^The test loss after step 2 is infinite or not a number, though/);
  });

  it('values in a checkpoint that are not numbers: it is refused', async () => {
    const { events } = await train(job(), backend, { stopAt: 3 });
    const checkpoint = decodeCheckpoint(all(events, 'checkpoint').at(-1)!.bytes);
    const tensors = checkpoint.tensors.map((tensor, i) =>
      i === 0 ? { ...tensor, values: new Float32Array(tensor.values.length).fill(Number.NaN) } : tensor,
    );
    const error = await failure(train(job({ resumeFrom: encodeCheckpoint({ ...checkpoint, tensors }) }), backend));
    expect(error.code).toBe('checkpoint');
    expect(error.message).toContain('"hidden.weight" in it holds values that are infinite or not a number');
  });
});
