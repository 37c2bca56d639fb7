import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import type { RunDetails } from '../../../lab/contract/records.ts';
import { encodeOnnx } from '../../../lab/exports/onnx/export.ts';
import { modelSchema, type OnnxModel } from '../../../lab/exports/onnx/proto.ts';
import { decodeMessage, encodeMessage } from '../../../lab/exports/onnx/wire.ts';
import type { SpecInput } from '../../../lab/spec/schema.ts';
import { withWeights } from '../exports/forward.ts';
import { realLab, stripedImages, stripesSpec, type RealLab } from './realLab.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Weights of an ONNX file, as a lab takes them up: imported, built into a run, started from, evaluated. */

let real: RealLab;
beforeAll(async () => {
  real = await realLab();
});
afterAll(() => real.close());

const graph: GraphDocument = {
  nodes: [
    { id: 'image', layer: 'input' },
    { id: 'conv1', layer: 'conv2d', props: { filters: 6, padding: 'same' } },
    { id: 'bn1', layer: 'batchNorm', props: { eps: 1e-3 } },
    { id: 'act', layer: 'hardSwish' },
    { id: 'down', layer: 'maxPool2d' },
    { id: 'conv2', layer: 'conv2d', props: { filters: 5, kernel: [2, 3], padding: 'same' } },
    { id: 'gelu', layer: 'gelu' },
    { id: 'flat', layer: 'flatten' },
    { id: 'classes', layer: 'dense', props: { units: 4 } },
  ],
};

/** Mean cross-entropy and accuracy on the test images, divided by 255 or prepared otherwise, in onnxruntime. */
async function evaluated(
  bytes: Uint8Array,
  prepare = (image: readonly number[]): readonly number[] => image.map((pixel) => pixel / 255),
): Promise<{ loss: number; accuracy: number }> {
  const { pixels, labels, count } = stripedImages().test;
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const values = new Float32Array(count * 64);
  for (let n = 0; n < count; n++) values.set(prepare([...pixels.subarray(n * 64, (n + 1) * 64)]), n * 64);
  const { logits } = await session.run({ input: new ort.Tensor('float32', values, [count, 1, 8, 8]) });
  const rows = logits!.data as Float32Array;
  let [loss, hits] = [0, 0];
  for (let n = 0; n < count; n++) {
    const row = [...rows.subarray(n * 4, n * 4 + 4)];
    const top = Math.max(...row);
    loss += top + Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0)) - row[labels[n]!]!;
    hits += row.indexOf(top) === labels[n] ? 1 : 0;
  }
  return { loss: loss / count, accuracy: hits / count };
}

describe.each(['another program', 'this lab'])('an ONNX file of %s', (writer) => {
  it('gives a run its weights: its first evaluation is what onnxruntime computes', async () => {
    const own = encodeOnnx(withWeights({ name: 'net', graph, inputShape: [1, 8, 8], classes: 4 }), { version: 'test' });
    // without the document that this lab puts into its files
    const foreign = { ...(decodeMessage(modelSchema, own, 'net') as OnnxModel), metadataProps: [] };
    const bytes = writer === 'this lab' ? own : encodeMessage(modelSchema, foreign);
    const name = `From ${writer}`;
    const { architecture } = await real.lab.call('architectures.import', {
      file: 'net.onnx',
      content: { base64: Buffer.from(bytes).toString('base64') },
      name,
    });
    expect(architecture.latest.weights).not.toBeNull();
    const { versions } = await real.lab.call('architectures.get', { id: architecture.id });
    const { model } = versions[0]!;
    const norms = model.nodes.filter(({ layer }) => layer === 'batchNorm').map(({ id }) => id);
    expect(norms).toHaveLength(1);
    const spec: SpecInput = {
      ...stripesSpec,
      model,
      start: { from: `architecture:${name}@1` },
      training: {
        ...stripesSpec.training,
        // one step that changes nothing: no rate to speak of, and running statistics that stay
        optimizer: { kind: 'sgd', learningRate: 1e-30 },
        stages: [{ length: { steps: 1 }, frozen: norms }],
      },
    };
    const preview = await real.lab.call('transfer.preview', { spec });
    expect(preview.report!.totals).toMatchObject({ new: 0, discarded: 0 });
    const [run] = (await real.train(spec)) as [RunDetails];
    expect(run.start).toMatchObject({ architecture: architecture.id, carry: 'weights' });
    const theirs = await evaluated(bytes);
    expect(run.metrics.testLoss).toBeCloseTo(theirs.loss, 5);
    expect(run.metrics.testAccuracy).toBeCloseTo(theirs.accuracy, 6);
    // and it is not what any other weights give
    const [drawn] = (await real.train({ ...spec, start: null })) as [RunDetails];
    expect(Math.abs(drawn.metrics.testLoss! - theirs.loss)).toBeGreaterThan(0.01);
  });
});

it.each([
  ['standardise', null],
  ['standardiseFeatures', null],
  ['zcaWhitening', [64, 64]],
] as const)('whoever has the file can feed the network: %s', async (preprocessing, matrix) => {
  const spec = { ...stripesSpec, data: { ...stripesSpec.data, preprocessing }, model: { nodes: graph.nodes } };
  const [run] = (await real.train(spec)) as [RunDetails];
  const of = { of: `run:${run.id}`, format: 'onnx', weights: 'last' } as const;
  const bytes = Buffer.from(
    (await real.lab.call<'architectures.export'>('architectures.export', of)).content,
    'base64',
  );
  const { metadataProps } = decodeMessage(modelSchema, bytes, 'net') as OnnxModel;
  const stored = JSON.parse(metadataProps.find(({ key }) => key === 'ablate.fitted')!.value!) as Record<
    string,
    { shape: number[]; f32: string }
  >;
  const read = (name: string): Float32Array => {
    const data = Buffer.from(stored[`preprocessing.${name}`]!.f32, 'base64');
    return Float32Array.from({ length: data.length / 4 }, (_, i) => data.readFloatLE(4 * i));
  };
  const [offset, scale] = [read('offset'), read('scale')];
  expect(stored['preprocessing.offset']!.shape).toEqual(preprocessing === 'standardise' ? [1] : [1, 8, 8]);
  expect(stored['preprocessing.whitening']?.shape ?? null).toEqual(matrix);
  const theirs = await evaluated(bytes, (image) => {
    const values = image.map((pixel, i) => (pixel - (offset[i] ?? offset[0]!)) * (scale[i] ?? scale[0]!));
    if (matrix === null) return values;
    const w = read('whitening');
    return values.map((_, i) => values.reduce((sum, value, j) => sum + w[i * 64 + j]! * value, 0));
  });
  expect(run.metrics.testLoss).toBeCloseTo(theirs.loss, 4);
  expect(run.metrics.testAccuracy).toBeCloseTo(theirs.accuracy, 6);
});

it('a network of a smaller stage is exported at its size, and comes back for images of that size', async () => {
  const small = {
    ...stripesSpec,
    name: 'Small',
    model: { nodes: graph.nodes },
    training: { ...stripesSpec.training, stages: [{ length: { steps: 8 }, imageSize: 4 }] },
  };
  const [run] = (await real.train(small)) as [RunDetails];
  const { content, notes } = await real.lab.call('architectures.export', { of: `run:${run.id}`, format: 'onnx' });
  expect(notes.join(' ')).toContain('resized to 1×4×4');
  const { architecture, notes: told } = await real.lab.call('architectures.import', {
    file: 'small.onnx',
    content: { base64: content },
    name: 'Small again',
  });
  expect(told.join(' ')).toContain('data.preprocessing "unit"');
  expect(architecture.latest).toMatchObject({ dataset: null, inputShape: [1, 4, 4] });
  const again = await real.lab.call('architectures.export', { of: 'architecture:Small again', format: 'onnx' });
  expect(again.notes[0]).toContain('stored with');
  const [next] = (await real.train({ ...small, start: { from: 'architecture:Small again' } })) as [RunDetails];
  expect(next.start).toMatchObject({ architecture: architecture.id });
});
