import { checkGraph, type GraphDocument } from '../../../engine/index.ts';
import { LabError } from '../../contract/errors.ts';
import {
  modelSchema,
  dataType,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from '../../exports/onnx/proto.ts';
import { decodeMessage } from '../../exports/onnx/wire.ts';
import { metadataKey } from '../../exports/onnx/export.ts';
import { modelSchema as specModel } from '../model.ts';
import { mostNodes, type Imported } from '../imported.ts';
import { adviceFor } from './advice.ts';
import { Attributes, ModelBuilder, type LayerValue, type Value } from './builder.ts';
import { operators } from './operators.ts';
import { ownModel } from './own.ts';
import { isElsewhere, readTensor } from './tensor.ts';

/** Operator sets whose meaning is known here. */
const [oldestOpset, newestOpset] = [7, 24];
/** Faults and places that a message shows; the others are counted. */
const shown = 12;

/**
 * Reads an ONNX file: the model as layers of this lab and its weights. A file that this lab wrote and nobody changed gives the very
 * document that was written; any other is read operator by operator. Throws LabError 'invalid' with everything that is wrong or
 * not supported, each with its node; nothing is stored.
 */
export function importOnnx(bytes: Uint8Array, file: string): Imported {
  const model = decodeMessage(modelSchema, bytes, file) as OnnxModel;
  const { graph } = model;
  if (graph === undefined || graph.node.length === 0) {
    throw refusal(file, ['it holds no graph of operators; is this an ONNX model?']);
  }
  const opset = opsetOf(model, file);
  if (graph.node.length > mostNodes) {
    throw refusal(file, [`its graph has ${graph.node.length} operators; models of up to ${mostNodes} are read.`]);
  }
  const own = ownModel(model, file);
  if (own !== undefined && 'imported' in own) return own.imported;
  const { builder, input, inputShape } = readInput(graph, file);
  const output = readNodes(graph, builder, opset);
  fail(builder, file);
  if (output === undefined) throw refusal(file, ['its output is no output of a layer that could be read.']);
  const document = builder.document(output.id);
  if (!document.nodes.some(({ id }) => id === input.id))
    throw refusal(file, ['its output does not depend on its input.']);
  const checked = checkGraph(document, { inputShape });
  if (!checked.ok)
    throw refusal(
      file,
      checked.faults.map(({ message }) => message),
    );
  return {
    name: nameOf(model, file),
    description: '',
    tags: [],
    model: specModel.parse(document),
    dataset: null,
    inputShape,
    classes: output.shape[0] ?? null,
    spec: null,
    weights: [...builder.weights.values()],
    notes: [...(own?.notes ?? []), ...builder.notes, ...startNote(document)],
  };
}

/** ONNX says nothing of how weights began. */
const startNote = ({ nodes }: GraphDocument): string[] =>
  nodes.some(({ layer }) => layer === 'dense' || layer === 'conv2d')
    ? ['ONNX files do not say how weights start; training from scratch draws them by He.']
    : [];

const refusal = (file: string, faults: readonly string[]): LabError => {
  const list = faults.slice(0, shown).map((message) => `- ${message}`);
  const more = faults.length > shown ? [`- and ${faults.length - shown} more`] : [];
  const head = `${file} cannot be imported; nothing was stored:`;
  return new LabError(
    'invalid',
    [head, ...list, ...more].join('\n'),
    faults.slice(0, 200).map((message) => ({ message: `${file}: ${message}` })),
  );
};

function fail({ faults, unsupported }: ModelBuilder, file: string): void {
  const all = [...unsupportedWords(unsupported), ...faults];
  if (all.length > 0) throw refusal(file, all);
}

const andMore = (list: readonly string[], most: number): string =>
  `${list.slice(0, most).join(', ')}${list.length > most ? ` and ${list.length - most} more` : ''}`;

/** A sentence for each operator that is not read, with its nodes; those with the same remedy share one. */
function unsupportedWords(unsupported: ModelBuilder['unsupported']): string[] {
  const byAdvice = new Map<string, string[]>();
  const bare: string[] = [];
  for (const opType of unsupported.keys()) {
    const words = adviceFor(opType);
    if (words === undefined) bare.push(opType);
    else byAdvice.set(words, [...(byAdvice.get(words) ?? []), opType]);
  }
  const places = (opType: string): string => `(${andMore(unsupported.get(opType)!, 5)})`;
  const sentences = bare.map((opType) => `the operator ${opType} is not supported ${places(opType)}.`);
  for (const [words, [first, ...others]] of byAdvice) {
    const one = `the operator ${first!} is not supported ${places(first!)}`;
    const several = [first!, ...others].map((opType) => `${opType} ${places(opType)}`);
    sentences.push(`${others.length === 0 ? one : `the operators ${several.join(', ')} are not supported`}: ${words}.`);
  }
  if (bare.length > 0) {
    sentences.push(
      `What computes ${andMore(bare, 5)} has to be replaced before the model is exported; docs/formats.md lists the operators that are read.`,
    );
  }
  return sentences;
}

function opsetOf({ opsetImport }: OnnxModel, file: string): number {
  const standard = opsetImport.find(({ domain }) => domain === undefined || domain === '' || domain === 'ai.onnx');
  if (standard?.version === undefined) {
    throw refusal(file, [
      `it does not say which operator set it uses; sets ${oldestOpset} to ${newestOpset} are read. Export it again.`,
    ]);
  }
  const { version } = standard;
  if (version < oldestOpset || version > newestOpset) {
    throw refusal(file, [
      `it uses operator set ${version}; sets ${oldestOpset} to ${newestOpset} are read. Convert it with onnx.version_converter.`,
    ]);
  }
  return version;
}

function nameOf(model: OnnxModel, file: string): string {
  const given = model.metadataProps.find(({ key }) => key === metadataKey.name)?.value ?? model.graph?.name ?? '';
  const plain = given === '' || /^(main_graph|torch-jit-export|torch_jit|model|graph)$/i.test(given);
  return (plain ? file.replace(/^.*[\\/]/, '').replace(/\.onnx$/i, '') : given).slice(0, 200);
}

function readInput(
  graph: OnnxGraph,
  file: string,
): {
  readonly builder: ModelBuilder;
  readonly input: LayerValue;
  readonly inputShape: readonly [number, number, number];
} {
  const stored = new Set(graph.initializer.map(({ name }) => name));
  const inputs = graph.input.filter(({ name }) => !stored.has(name));
  if (inputs.length !== 1) {
    const names = inputs.slice(0, 5).map(({ name }) => quote(name));
    throw refusal(file, [
      inputs.length === 0
        ? 'it has no input; a model here has exactly one, an image.'
        : `it has ${inputs.length} inputs (${names.join(', ')}); a model here has exactly one, an image. Export it with the others as constants.`,
    ]);
  }
  const inputShape = imageShape(inputs[0]!, file);
  const builder = new ModelBuilder();
  const input = builder.input('image', inputShape);
  builder.values.set(inputs[0]!.name ?? '', input);
  return { builder, input, inputShape };
}

const quote = (name: string | undefined): string => JSON.stringify((name ?? '').slice(0, 80));

function imageShape(input: OnnxValueInfo, file: string): readonly [number, number, number] {
  const { elemType, shape } = input.type?.tensorType ?? {};
  const dims = shape?.dim ?? [];
  const said = `[${dims
    .slice(0, 8)
    .map(({ dimValue, dimParam }) => dimValue ?? dimParam ?? '?')
    .join(', ')}]`;
  if (
    elemType !== undefined &&
    ![dataType.float, dataType.float16, dataType.double].some((type) => type === elemType)
  ) {
    throw refusal(file, [
      `its input ${quote(input.name)} is not of a float type; export the model for floats, without the conversion in front.`,
    ]);
  }
  if (dims.length !== 4) {
    throw refusal(file, [
      `its input ${quote(input.name)} is ${said}; images [N, channels, height, width] were expected.`,
    ]);
  }
  const extents = dims.slice(1).map(({ dimValue }) => dimValue ?? 0);
  if (extents.some((extent) => extent < 1 || extent > 65536)) {
    throw refusal(file, [
      `its input ${quote(input.name)} is ${said}; channels, height and width must be fixed numbers from 1 to 65536. Export the model for one image size.`,
    ]);
  }
  return extents as unknown as readonly [number, number, number];
}

/** Walks through the operators. Returns the layer that the file's output comes from. */
function readNodes(graph: OnnxGraph, builder: ModelBuilder, opset: number): LayerValue | undefined {
  const outputs = graph.output.map(({ name }) => name ?? '');
  if (outputs.length !== 1) builder.faults.push(`it has ${outputs.length} outputs; a model here has exactly one.`);
  if (graph.sparseInitializer.length > 0) builder.faults.push('it has sparse tensors, which are not supported.');
  const missing = new Map<string, string | undefined>();
  const elsewhere = graph.initializer.filter(isElsewhere);
  if (elsewhere.length > 0) builder.faults.push(elsewhereWords(elsewhere));
  for (const tensor of graph.initializer) {
    const name = tensor.name ?? '';
    if (isElsewhere(tensor)) missing.set(name, undefined);
    else constant(builder, missing, name, readTensor(tensor), `tensor ${quote(name)}`);
  }
  graph.node.forEach((node, i) => readNode(node, i, { graph, builder, opset, missing, outputs }));
  const output = builder.values.get(outputs[0] ?? '');
  if (output?.kind === 'pooled') {
    return builder.add('globalAvgPool2d', builder.idFor('', 'globalAvgPool', ''), [output.of], {}, 'the output');
  }
  return output?.kind === 'layer' ? output : undefined;
}

/** One sentence for all of them: files with weights outside have dozens. */
function elsewhereWords(tensors: readonly OnnxTensor[]): string {
  const names = tensors.map(({ name }) => quote(name));
  const file = tensors[0]!.externalData.find(({ key }) => key === 'location')?.value ?? '';
  const are = tensors.length === 1 ? 'tensor' : 'tensors';
  return `the values of the ${are} ${andMore(names, 3)} lie in another file (${quote(file)}); save the model as one file: onnx.save(onnx.load("model.onnx"), "whole.onnx").`;
}

/** Names that no value belongs to, each with why; undefined: that has been told already. */
type Missing = Map<string, string | undefined>;

function constant(
  builder: ModelBuilder,
  missing: Missing,
  name: string,
  read: ReturnType<typeof readTensor>,
  place: string,
): void {
  if ('fault' in read) {
    builder.faults.push(`${place} ${read.fault}.`);
    missing.set(name, undefined);
  } else builder.values.set(name, { kind: 'constant', constant: read });
}

interface Walk {
  readonly graph: OnnxGraph;
  readonly builder: ModelBuilder;
  readonly opset: number;
  readonly missing: Missing;
  readonly outputs: readonly string[];
}

function readNode(node: OnnxNode, index: number, { builder, opset, missing, outputs }: Walk): void {
  const opType = node.opType ?? '';
  const name = node.name === undefined || node.name === '' ? (node.output[0] ?? `number ${index + 1}`) : node.name;
  const place = `node ${quote(name)} (${opType.slice(0, 60)})`;
  const attributes = new Attributes(node);
  const target = node.output[0] ?? '';
  if (opType === 'Constant') {
    readConstant(builder, missing, attributes, target, place);
    return;
  }
  for (const each of node.input) {
    if (each === '' || builder.values.has(each)) continue;
    const why = missing.has(each)
      ? missing.get(each)
      : 'which nothing before it writes: the graph has a cycle, or a part is missing';
    missing.set(each, undefined);
    if (why !== undefined) builder.faults.push(`${place} reads ${quote(each)}, ${why}.`);
  }
  const standard = node.domain === undefined || node.domain === '' || node.domain === 'ai.onnx';
  const isSoftmax = opType === 'Softmax' || opType === 'LogSoftmax';
  let value: Value | undefined;
  if (isSoftmax && outputs.includes(target)) {
    value = builder.values.get(node.input[0] ?? '');
    const axis = attributes.int('axis', -1);
    if (axis !== -1 && axis !== 1)
      builder.faults.push(`${place}: it is taken along axis ${axis}; at the output, only classes (axis 1) are.`);
    builder.notes.push(`${place} at the output was left out: the loss of this lab takes its place.`);
  } else {
    const handler = standard && Object.hasOwn(operators, opType) ? operators[opType] : undefined;
    if (handler === undefined)
      builder.refuse(standard ? opType || 'without a name' : `${node.domain}.${opType}`, quote(name));
    else {
      const inputs = node.input.map((each) => (each === '' ? undefined : builder.values.get(each)));
      // what follows from another fault is not told again
      const known = node.input.every((each, i) => each === '' || inputs[i] !== undefined);
      value = known ? handler({ builder, node, attributes, place, opset, inputs }) : undefined;
      // what a handler does not know might change what the operator computes
      const unread = value === undefined ? [] : attributes.unread();
      for (const each of unread)
        builder.faults.push(`${place}: its attribute ${quote(each)} is not known here; export the model without it.`);
      if (value !== undefined) {
        for (const other of node.output.slice(1))
          missing.set(other, `a further output of ${place}, of which only the first one is read`);
      }
    }
  }
  if (value === undefined) for (const other of node.output.slice(1)) missing.set(other, undefined);
  if (builder.values.has(target) && target !== '') {
    builder.faults.push(`${place} writes ${quote(target)}, which another one has written already.`);
  } else if (value !== undefined) builder.values.set(target, value);
  else missing.set(target, undefined);
}

function readConstant(
  builder: ModelBuilder,
  missing: Missing,
  attributes: Attributes,
  target: string,
  place: string,
): void {
  const tensor = attributes.get('value')?.t;
  if (tensor !== undefined) {
    constant(builder, missing, target, readTensor(tensor), place);
    return;
  }
  const numbers = attributes.get('value_ints')?.ints ?? attributes.get('value_floats')?.floats;
  const one = attributes.get('value_int')?.i ?? attributes.get('value_float')?.f;
  if (numbers !== undefined) constant(builder, missing, target, { shape: [numbers.length], values: numbers }, place);
  else if (one !== undefined) constant(builder, missing, target, { shape: [], values: [one] }, place);
  else constant(builder, missing, target, { fault: 'holds no numbers' }, place);
}
