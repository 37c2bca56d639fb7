import { checkGraph, type GraphDocument, type NamedTensor } from '../../../engine/index.ts';
import { canonicalJson } from '../../spec/hash.ts';
import { exportModel } from '../../exports/model.ts';
import { metadataFormat, metadataKey, onnxModel } from '../../exports/onnx/export.ts';
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor } from '../../exports/onnx/proto.ts';
import type { Imported } from '../imported.ts';
import { modelSchema } from '../model.ts';
import { readTensor } from './tensor.ts';

type Own = { readonly imported: Imported } | { readonly notes: readonly string[] };

const changed = (why: string): Own => ({
  notes: [
    `The file says that this lab wrote it, but ${why}, so it was read as any other ONNX file: training settings of its layers are gone.`,
  ],
});

/**
 * A file that this lab wrote carries the model document. It is believed only where the same document gives the same operators and
 * tensors that the file has: then it is the model, with all that ONNX cannot say. Undefined: another program's file.
 */
export function ownModel(model: OnnxModel, file: string): Own | undefined {
  const metadata = new Map(model.metadataProps.map(({ key, value }) => [key ?? '', value ?? '']));
  const text = metadata.get(metadataKey.model);
  if (text === undefined || metadata.get(metadataKey.format) !== metadataFormat) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return changed('its model document is no JSON');
  }
  const parsed = modelSchema.safeParse(json);
  if (!parsed.success) return changed('its model document has faults');
  const graph = { nodes: parsed.data.nodes } as GraphDocument;
  const { graph: theirs } = model;
  const dims = theirs?.input[0]?.type?.tensorType?.shape?.dim.slice(1).map(({ dimValue }) => dimValue ?? 0) ?? [];
  if (dims.length !== 3 || dims.some((extent) => extent < 1 || extent > 65536)) return changed('its input is no image');
  const inputShape = dims as unknown as readonly [number, number, number];
  const checked = checkGraph(graph, { inputShape });
  if (!checked.ok) return changed('its model document has faults');
  const name = metadata.get(metadataKey.name) ?? '';
  const classes = checked.nodes.find(({ id }) => id === checked.outputId)!.outputShape[0]!;
  const names = Array.from({ length: classes }, (_, i) => String(i));
  const ours = onnxModel(exportModel({ name, graph, inputShape, classes: names, weights: null }), {
    version: '',
  }).graph!;
  if (theirs!.output.length !== 1 || theirs!.output[0]!.name !== ours.output[0]!.name)
    return changed('its output is another');
  if (shapeOfNodes(theirs!.node) !== shapeOfNodes(ours.node)) return changed('its operators were changed');
  const byName = new Map(theirs!.initializer.map((tensor) => [tensor.name ?? '', tensor]));
  if (byName.size !== ours.initializer.length) return changed('its tensors were changed');
  const weights: NamedTensor[] = [];
  for (const expected of ours.initializer) {
    const found = byName.get(expected.name!);
    if (found === undefined || found.dims.join() !== expected.dims.join()) return changed('its tensors were changed');
    const read = readTensor(found);
    if ('fault' in read) return changed(`tensor "${expected.name}" ${read.fault}`);
    if (expected.rawData !== undefined) {
      if (!sameValues(found, expected)) return changed('its constants were changed');
      continue;
    }
    const values = Float32Array.from(read.values);
    if (!values.every(Number.isFinite)) return changed(`tensor "${expected.name}" has values that are not finite`);
    weights.push({ name: expected.name!, dtype: 'f32', shape: expected.dims, values });
  }
  return {
    imported: {
      name: (name || file.replace(/^.*[\\/]/, '').replace(/\.onnx$/i, '')).slice(0, 200),
      description: '',
      tags: [],
      model: parsed.data,
      dataset: metadata.get('ablate.dataset') ?? null,
      inputShape,
      classes,
      spec: null,
      weights,
      notes: preparation(metadata),
    },
  };
}

/** How images must be prepared for the weights, which no model says. */
function preparation(metadata: ReadonlyMap<string, string>): string[] {
  const kind = metadata.get('ablate.preprocessing');
  if (kind === undefined) return [];
  const inputs = metadata.get('ablate.inputs');
  const eps = metadata.get('ablate.whiteningEps');
  return [
    `Its weights were trained with data.preprocessing ${JSON.stringify(kind)}${eps === undefined ? '' : `, whiteningEps ${eps}`}: choose the same to start from them.${inputs === undefined ? '' : ` The network reads ${inputs}`}`,
  ];
}

/** Operators, wiring and attributes as one text; floats as the file holds them. */
const shapeOfNodes = (nodes: readonly OnnxNode[]): string =>
  canonicalJson(
    nodes.map(({ opType, input, output, attribute, domain }) => ({
      opType,
      input,
      output,
      domain: domain ?? '',
      attributes: Object.fromEntries(attribute.map((each) => [each.name ?? '', plain(each)])),
    })),
  );

const plain = ({ f, i, s, ints, type }: OnnxAttribute): unknown => ({
  type,
  f: f === undefined ? undefined : Math.fround(f),
  i,
  s: s === undefined ? undefined : [...s],
  ints,
});

function sameValues(a: OnnxTensor, b: OnnxTensor): boolean {
  if (a.dataType !== b.dataType || a.rawData?.length !== b.rawData?.length) return false;
  return a.rawData!.every((byte, i) => byte === b.rawData![i]);
}
