import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../../../engine/train/safetensors.ts';
import { templates } from '../../../lab/architectures/index.ts';
import { exportFormats } from '../../../lab/contract/architectureRecords.ts';
import { exportAs, fileName, type ExportSource } from '../../../lab/exports/index.ts';
import { kerasLayers } from '../../../lab/exports/keras/layers.ts';
import { importModel } from '../../../lab/imports/index.ts';
import { effectiveGraph } from '../../../lab/spec/resolve.ts';
import { specSchema } from '../../../lab/spec/schema.ts';
import { mnist } from '../../component/fakeLab.ts';
import { noPython, runPython } from './python.ts';

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

it('Keras programs are Python', async (context) => {
  // TensorFlow and Keras cannot be installed for tests: programs are compiled, not run
  if (noPython !== undefined) context.skip(noPython);
  const files = templates.map((template) => {
    const path = join(folder, `${template.id}.py`);
    writeFileSync(path, exportAs('keras', sourceOf(template), 'test').bytes);
    return path;
  });
  await runPython('-m', 'py_compile', ...files);
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

it('file names are plain', () => {
  expect(['LeNet-5', '../Größe: "x"', 'CON', ' ', 'a'.repeat(99)].map(fileName)).toEqual([
    'lenet-5',
    'gro-e-x',
    'model',
    'model',
    'a'.repeat(60),
  ]);
});
