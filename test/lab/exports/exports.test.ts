import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../../../engine/train/safetensors.ts';
import { templates } from '../../../lab/architectures/index.ts';
import { exportFormats } from '../../../lab/contract/architectureRecords.ts';
import { exportAs, fileName, type ExportSource } from '../../../lab/exports/index.ts';
import { kerasLayers } from '../../../lab/exports/keras/layers.ts';
import { modelSchema, type OnnxModel } from '../../../lab/exports/onnx/proto.ts';
import { decodeMessage } from '../../../lab/exports/onnx/wire.ts';
import { importModel } from '../../../lab/imports/index.ts';
import { effectiveGraph } from '../../../lab/spec/resolve.ts';
import { specSchema } from '../../../lab/spec/schema.ts';
import { mnist } from '../../component/fakeLab.ts';
import { checkPrograms, noPython } from './python.ts';
import { data, runs, specOf } from './runs.ts';

const folder = mkdtempSync(join(tmpdir(), 'ablate-exports-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sourceOf = (template: (typeof templates)[number]): ExportSource => ({
  name: template.title,
  description: template.summary,
  tags: ['template'],
  spec: template.spec,
  dataset: mnist,
  weights: null,
  origin: `drawn by seed ${template.spec.seed}`,
});
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe.each(templates.map((template) => [template.id, template] as const))('%s', (_id, template) => {
  const source = sourceOf(template);

  it('comes back from JSON as the same model, with name, words and tags', () => {
    const { bytes, file } = exportAs('json', source, 'test');
    const imported = importModel(bytes, file);
    expect(imported.model).toEqual(template.spec.model);
    expect(imported).toMatchObject({
      name: template.title,
      description: template.summary,
      tags: ['template'],
      dataset: 'mnist',
    });
    const again = importModel(new TextEncoder().encode(JSON.stringify(template.spec)), 'spec.json');
    expect(again.spec).toEqual(template.spec);
  });

  it('comes back from ONNX as the graph that is trained, with the weights of the seed', () => {
    const { bytes, file } = exportAs('onnx', source, 'test');
    const imported = importModel(bytes, file);
    expect(imported.model.nodes).toEqual(effectiveGraph(template.spec.model).nodes);
    const tensors = decodeSafetensors(exportAs('safetensors', source, 'test').bytes).tensors;
    expect(imported.weights!.map(({ name }) => name)).toEqual(tensors.map(({ name }) => name));
    imported.weights!.forEach(({ values }, i) => expect(values).toEqual(tensors[i]!.values));
  });

  it('is drawn with every layer', () => {
    const svg = text(exportAs('svg', source, 'test').bytes);
    expect(svg.startsWith('<svg ')).toBe(true);
    for (const { id } of effectiveGraph(template.spec.model).nodes) expect(svg).toContain(id);
  });

  it('is written as a Keras program with every layer and tensor', () => {
    const { bytes, file } = exportAs('keras', source, 'test');
    expect(file).toMatch(/-keras\.py$/);
    const program = text(bytes);
    const { tensors } = decodeSafetensors(exportAs('safetensors', source, 'test').bytes);
    for (const { name } of tensors) expect(program).toContain(`    ("${name}", `);
    for (const { id, layer } of effectiveGraph(template.spec.model).nodes) {
      expect(Object.keys(kerasLayers)).toContain(layer);
      expect(program).toMatch(new RegExp(`^    ${id} = `, 'm'));
    }
  });
});

const ofRun = ([name, nodes, training, more]: (typeof runs)[number]): ExportSource => {
  const spec = specOf(nodes, training, more);
  return { name, description: '', tags: [], spec, dataset: data, weights: null, origin: 'drawn' };
};
const sources = [...templates.map(sourceOf), ...runs.map(ofRun)];

it.for(['pytorch', 'keras'] as const)(
  '%s programs of all templates and of whatever a spec can say have what they need and nothing else',
  async (format, context) => {
    if (noPython !== undefined) context.skip(noPython);
    const files = sources.map((source, i) => {
      const path = join(folder, `${format}${i}.py`);
      writeFileSync(path, exportAs(format, source, 'test').bytes);
      return path;
    });
    await checkPrograms(...files);
  },
);

it('PyTorch programs follow whatever a spec can say', () => {
  for (const source of sources) expect(exportAs('pytorch', source, 'test').notes).toEqual([]);
});

it('a faulty graph goes to JSON only', () => {
  const spec = specSchema.parse({
    ...templates[0]!.spec,
    model: {
      nodes: [
        { id: 'in', layer: 'input' },
        { id: 'd', layer: 'dense' },
      ],
    },
  });
  const source = { ...sourceOf(templates[0]!), spec };
  expect(importModel(exportAs('json', source, 'test').bytes, 'x.json').model).toEqual(spec.model);
  for (const format of exportFormats.filter((each) => each !== 'json')) {
    expect(() => exportAs(format, source, 'test')).toThrow(/the model has faults.*\n.*d takes features/s);
  }
});

it('what programs do not follow is told', () => {
  const spec = structuredClone(templates[0]!.spec) as Record<string, unknown>;
  (spec['training'] as Record<string, unknown>)['sharpness'] = 3;
  const { bytes, notes } = exportAs('pytorch', { ...sourceOf(templates[0]!), spec: spec as never }, 'test');
  expect(notes).toEqual(['training.sharpness is 3; the program does without it.']);
  expect(text(bytes)).toContain('Not done here: training.sharpness is 3');
});

const whitened: ExportSource = {
  ...ofRun(runs.find(([name]) => name === 'one size throughout')!),
  origin: 'run r1, step 20, best checkpoint',
  step: 20,
};

it('files of weights say what inputs they are for: size, preprocessing and the images that it was fitted to', () => {
  const { metadata, tensors } = decodeSafetensors(exportAs('safetensors', whitened, 'test').bytes);
  // a dense layer behind images of 5x4 pixels, not of the 9x8 that the data set has
  expect(tensors.find(({ name }) => name === 'd1.weight')!.shape).toEqual([12, 2 * 5 * 4]);
  expect(metadata).toMatchObject({
    'ablate.preprocessing': 'pcaWhitening',
    'ablate.whiteningEps': '0.01',
    'ablate.imageShape': '[2,9,8]',
    'ablate.split': JSON.stringify({
      seed: 4294967299,
      validation: 30,
      trainImages: null,
      split: 'random',
      folds: null,
    }),
    'ablate.inputs':
      'images of 2×9×8, their values minus the mean of each pixel, divided by 255, then resized to 2×5×4 (bilinear, antialiased), then multiplied by the PCA whitening matrix of such images (eps 0.01); all fitted to the training images.',
  });
  const { bytes, notes } = exportAs('onnx', whitened, 'test');
  expect(notes.join(' ')).toMatch(/The input is images of 2×9×8, .* all fitted to the training images\./);
  const imported = importModel(bytes, 'net.onnx');
  expect(imported.inputShape).toEqual([2, 5, 4]);
  expect(imported.notes).toEqual([
    expect.stringMatching(/trained with data\.preprocessing "pcaWhitening", whiteningEps 0\.01: choose the same/),
  ]);
  const plain = exportAs('onnx', sourceOf(templates[0]!), 'test');
  expect(plain.notes).toEqual([expect.stringMatching(/The input is images of 1×28×28, .*\.$/)]);
  expect(plain.notes.join()).not.toContain('fitted');
});

it('files of weights hold what the preprocessing was fitted as', () => {
  const offset = Float32Array.from({ length: 144 }, (_, i) => i / 7);
  const scale = new Float32Array(144).fill(1 / 255);
  const whitening = Float32Array.from({ length: 40 * 40 }, (_, i) => Math.sin(i));
  const shapes = { offset: [2, 9, 8], scale: [2, 9, 8], whitening: [40, 40] };
  const source = { ...whitened, fitted: { offset, scale, whitening } };

  const plain = decodeSafetensors(exportAs('safetensors', whitened, 'test').bytes).tensors;
  const { tensors } = decodeSafetensors(exportAs('safetensors', source, 'test').bytes);
  expect(tensors.slice(0, plain.length)).toEqual(plain);
  expect(tensors.slice(plain.length)).toEqual(
    Object.entries({ offset, scale, whitening }).map(([name, values]) => ({
      ...{ name: `preprocessing.${name}`, dtype: 'f32', shape: shapes[name as 'offset'], values },
    })),
  );

  const { bytes, notes } = exportAs('onnx', source, 'test');
  const { metadataProps, graph } = decodeMessage(modelSchema, bytes, 'net') as OnnxModel;
  const { value } = metadataProps.find(({ key }) => key === 'ablate.fitted')!;
  const found = JSON.parse(value!) as Record<string, { shape: number[]; f32: string }>;
  expect(Object.keys(found)).toEqual(['preprocessing.offset', 'preprocessing.scale', 'preprocessing.whitening']);
  const matrix = Buffer.from(found['preprocessing.whitening']!.f32, 'base64');
  expect([...whitening]).toEqual(Array.from({ length: 1600 }, (_, i) => matrix.readFloatLE(4 * i)));
  expect(notes.join(' ')).toContain('It holds what the preprocessing was fitted as: preprocessing.offset');
  // the network itself is as it would be without, and comes back
  const other = decodeMessage(modelSchema, exportAs('onnx', whitened, 'test').bytes, 'net') as OnnxModel;
  expect(graph).toEqual(other.graph);
  expect(importModel(bytes, 'net.onnx').inputShape).toEqual([2, 5, 4]);

  // of a transform that is the same for all pixels
  const one = Float32Array.of(0.5);
  const uniform = { ...whitened, fitted: { offset: one, scale: one, whitening: null } };
  const last = decodeSafetensors(exportAs('safetensors', uniform, 'test').bytes).tensors.slice(plain.length);
  expect(last.map(({ name, shape }) => [name, shape])).toEqual([
    ['preprocessing.offset', [1]],
    ['preprocessing.scale', [1]],
  ]);
});

it('programs of a fork say what they begin without', () => {
  const source = ofRun(runs[0]!);
  const start = { from: 'run:r1:last', weights: '0'.repeat(64), map: {}, fresh: [], carry: 'everything' as const };
  for (const format of ['pytorch', 'keras'] as const) {
    const { bytes, notes } = exportAs(format, { ...source, spec: { ...source.spec, start } }, 'test');
    expect(notes[0]).toContain('give it that file by --weights');
    expect(notes.join()).toContain('begins at step 0 with the weights alone');
    expect(text(bytes)).toContain('without the state of the optimiser');
    expect(text(bytes)).toContain('"--weights", required=True');
  }
});

it('a run that recalibrates says that its checkpoints are from before', () => {
  const source = ofRun(runs.find(([name]) => name === 'recalibrated')!);
  expect(exportAs('onnx', source, 'test').notes.join()).not.toContain('recalibrate');
  const weights = new Map(
    decodeSafetensors(exportAs('safetensors', source, 'test').bytes).tensors.map((each) => [each.name, each]),
  );
  expect(exportAs('onnx', { ...source, weights }, 'test').notes.join()).toContain('checkpoints hold those from before');
});

it('file names are plain', () => {
  expect(['LeNet-5', '../Größe: "x"', 'CON', ' ', 'a'.repeat(99)].map(fileName)).toEqual([
    'lenet-5',
    'gro-e-x',
    'model',
    'model',
    'a'.repeat(60),
  ]);
});
